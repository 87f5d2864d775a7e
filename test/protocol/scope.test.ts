/** Which scope is granted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decideClientScope,
  decideRefreshedScope,
  decideRequestedScope,
  isScope,
  type ScopeVerdict,
  splitScope,
} from '../../lib/protocol/scope.ts';

const token = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,8}$/);
const scope = fc.uniqueArray(token, { minLength: 1, maxLength: 6 });
const granted = (verdict: ScopeVerdict) => ('granted' in verdict ? verdict.granted : assert.fail(verdict.refused));
const refused = (verdict: ScopeVerdict) => assert.ok('refused' in verdict);

test('RFC 6749 §3.3: scope tokens are printable ASCII without quote and backslash, separated by spaces', () => {
  fc.assert(fc.property(scope, (values) => assert.ok(isScope(values.join(' ')))));
  for (const text of ['', ' ', ' read', 'read ', 'read\twrite', 'read\nwrite', 'a"b', 'a\\b', 'é', 'read\0']) {
    assert.equal(isScope(text), false, JSON.stringify(text));
  }
});

test('splitting drops repetition and keeps the order', () => {
  assert.deepEqual(splitScope('b a  b c a'), ['b', 'a', 'c']);
  assert.deepEqual(splitScope(''), []);
  fc.assert(fc.property(scope, (values) => assert.deepEqual(splitScope(values.join(' ')), values)));
});

test('A16: an unknown scope is refused and named where openid is not asked for', () => {
  const verdict = decideRequestedScope('read admin', 'openid read');
  assert.ok('refused' in verdict && verdict.refused.includes('admin'));
});

test('A16: an unknown scope is ignored where openid is asked for', () => {
  assert.deepEqual(granted(decideRequestedScope('openid admin read', 'openid read')), ['openid', 'read']);
});

test('A16: openid that the client is not registered for is itself unknown', () => {
  refused(decideRequestedScope('openid read', 'read'));
});

test('A16: a malformed scope is refused even with openid', () => {
  refused(decideRequestedScope('openid "read"', 'openid "read"'));
});

test('A16: without scope everything registered that belongs to no end-user is granted', () => {
  assert.deepEqual(granted(decideRequestedScope(undefined, 'openid profile read offline_access write')), ['read', 'write']);
  refused(decideRequestedScope(undefined, 'openid profile'));
});

test('A16: whatever is requested, nothing beyond the registration is granted', () => {
  fc.assert(
    fc.property(scope, scope, fc.boolean(), (requested, registered, openid) => {
      const verdict = decideRequestedScope(
        [...(openid ? ['openid'] : []), ...requested].join(' '),
        ['openid', ...registered].join(' '),
      );
      if ('refused' in verdict) return assert.equal(openid || requested.includes('openid'), false);
      assert.ok(verdict.granted.every((value) => value === 'openid' || registered.includes(value)));
    }),
  );
});

test('T13: a client may not have for itself what it is not registered for', () => {
  refused(decideClientScope('read admin', 'read'));
  assert.deepEqual(granted(decideClientScope('read', 'read write')), ['read']);
});

test('T13: a client has no scope of an end-user for itself, asked for or not', () => {
  assert.deepEqual(granted(decideClientScope(undefined, 'openid profile read offline_access')), ['read']);
  for (const value of ['openid', 'profile', 'email', 'address', 'phone', 'offline_access']) {
    refused(decideClientScope(`read ${value}`, `read ${value}`));
  }
});

test('R8: a refresh without scope has the whole granted scope', () => {
  fc.assert(fc.property(scope, (values) => assert.deepEqual(granted(decideRefreshedScope(undefined, values.join(' '))), values)));
});

test('R8: a refresh may narrow the scope to any part, and never widen it', () => {
  fc.assert(
    fc.property(scope, fc.array(fc.nat(5), { minLength: 1 }), token, (values, chosen, other) => {
      const part = [...new Set(chosen.map((index) => values[index % values.length] as string))];
      assert.deepEqual(granted(decideRefreshedScope(part.join(' '), values.join(' '))), part);
      if (!values.includes(other)) refused(decideRefreshedScope([...part, other].join(' '), values.join(' ')));
    }),
  );
});

test('R8: openid among the requested does not make a refresh ignore unknown scope', () => {
  refused(decideRefreshedScope('openid admin', 'openid read'));
});
