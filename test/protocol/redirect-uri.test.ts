/** Where an authorization response may go: registered redirect URIs by simple string comparison, loopback ports aside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findRedirectUriFault, matchesRedirectUri, proveDestination } from '../../lib/protocol/redirect-uri.ts';
import { anyText } from '../support/protocol-values.ts';

const registered = 'https://good.example/app/cb';

test('A2: a redirect_uri that differs in any part from the registered one is refused', () => {
  const variants = [
    'https://good.example/app/other',
    'https://good.example/APP/cb',
    'https://good.example/app/cb/',
    'https://good.example/app/cb?',
    'https://good.example/app/cb?x=1',
    'https://good.example/app/cb#',
    'https://good.example/app/cb#x',
    'https://good.example:443/app/cb',
    'https://good.example:8443/app/cb',
    'http://good.example/app/cb',
    'HTTPS://good.example/app/cb',
    'https://GOOD.example/app/cb',
    'https://good.example./app/cb',
    'https://good@evil.example/app/cb',
    'https://good.example@evil.example/app/cb',
    'https://evil@good.example/app/cb',
    'https://@good.example/app/cb',
    'https://good.example/app/%63b',
    'https://good.example/app%2Fcb',
    'https://good.example/app/../app/cb',
    'https://good.example/app/./cb',
    'https://good.example//app/cb',
    'https://good.example\\@evil.example/app/cb',
    'https:/good.example/app/cb',
    'https:good.example/app/cb',
    '//good.example/app/cb',
    ' https://good.example/app/cb',
    'https://good.example/app/cb ',
    'https://good.example/app/cb\n',
    'https://good.example/app/cb\0',
    'https://sub.good.example/app/cb',
    'https://good.example.evil.example/app/cb',
    'https://evilgood.example/app/cb',
    'https://goоd.example/app/cb',
    'https://xn--god-fmc.example/app/cb',
    'https://good.example/app/cbx',
    'https://good.example/app/c',
    '',
  ];
  for (const variant of variants) assert.equal(matchesRedirectUri(variant, registered), false, variant);
  assert.ok(matchesRedirectUri(registered, registered));
});

const https = fc
  .tuple(fc.domain(), fc.webPath(), fc.option(fc.integer({ min: 1, max: 65535 })))
  .map(([host, path, port]) => `https://${host}${port === null ? '' : `:${port}`}${path}`);

test('A2, A5: a registered https URI with any character inserted, removed or replaced is refused', () => {
  const mutation = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('insert', 'remove', 'replace'),
    text: anyText({ minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(https, mutation, (uri, { at, kind, text }) => {
      const index = at % uri.length;
      const mutated = uri.slice(0, index) + (kind === 'remove' ? '' : text) + uri.slice(kind === 'insert' ? index : index + 1);
      fc.pre(mutated !== uri);
      assert.equal(matchesRedirectUri(mutated, uri), false, mutated);
      assert.ok(matchesRedirectUri(uri, uri));
    }),
    { numRuns: 500 },
  );
});

test('A2: two different URIs never match, unless both are loopback ones', () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), fc.webUrl({ withQueryParameters: true }), (one, other) => {
      assert.equal(matchesRedirectUri(one, other), one === other);
    }),
  );
});

const port = fc.integer({ min: 0, max: 65535 });

test('A3, A4: a loopback redirect_uri matches with any port, and with none', () => {
  fc.assert(
    fc.property(fc.constantFrom('127.0.0.1', '[::1]', 'localhost'), fc.option(port), fc.option(port), (host, one, other) => {
      const uri = (number: number | null) => `http://${host}${number === null ? '' : `:${number}`}/cb?x=1`;
      assert.ok(matchesRedirectUri(uri(one), uri(other)));
    }),
  );
});

test('A3: another host, path, query or scheme of a loopback redirect_uri is refused, and so is a port that is none', () => {
  const variants = [
    'http://127.0.0.1:5000/other',
    'http://127.0.0.1:5000/cb/',
    'http://127.0.0.1:5000/cb?x=1',
    'http://127.0.0.1:5000/cb#',
    'http://127.0.0.1:5000',
    'https://127.0.0.1:5000/cb',
    'http://localhost:5000/cb',
    'http://[::1]:5000/cb',
    'http://127.0.0.2:5000/cb',
    'http://127.0.0.1.evil.example:5000/cb',
    'http://127.0.0.1@evil.example:5000/cb',
    'http://127.0.0.1:5000@evil.example/cb',
    'http://127.0.0.1:@evil.example/cb',
    'http://x@127.0.0.1:5000/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:-1/cb',
    'http://127.0.0.1:5e3/cb',
    'http://127.0.0.1:/cb',
    'http://127.1:5000/cb',
    'http://0x7f.0.0.1:5000/cb',
    'http://2130706433:5000/cb',
    'http://0.0.0.0:5000/cb',
    'http://[::ffff:127.0.0.1]:5000/cb',
    'http://LOCALHOST:5000/cb',
    'http://localhost.:5000/cb',
    'http://127.0.0.1:5000\\@evil.example/cb',
  ];
  for (const variant of variants) assert.equal(matchesRedirectUri(variant, 'http://127.0.0.1/cb'), false, variant);
});

test('A4: localhost with another port is accepted, but not for 127.0.0.1', () => {
  assert.ok(matchesRedirectUri('http://localhost:49152/cb', 'http://localhost:3000/cb'));
  assert.equal(matchesRedirectUri('http://localhost:49152/cb', 'http://127.0.0.1:3000/cb'), false);
});

test('A5: the port of an https redirect_uri may not vary, even on a loopback host', () => {
  fc.assert(
    fc.property(fc.constantFrom('good.example', 'localhost', '127.0.0.1', '[::1]'), port, port, (host, one, other) => {
      fc.pre(one !== other);
      assert.equal(matchesRedirectUri(`https://${host}:${one}/cb`, `https://${host}:${other}/cb`), false);
      assert.equal(matchesRedirectUri(`https://${host}:${one}/cb`, `https://${host}/cb`), false);
    }),
  );
});

test('A5: the port of a plain http URI on another host may not vary', () => {
  assert.equal(matchesRedirectUri('http://good.example:81/cb', 'http://good.example:80/cb'), false);
  assert.equal(matchesRedirectUri('com.example.app://127.0.0.1:81/cb', 'com.example.app://127.0.0.1/cb'), false);
});

const client = (...redirect_uris: string[]) => ({ client_id: 'a', redirect_uris });

test('A6: with several registered and none sent there is no destination', () => {
  assert.ok('unproven' in proveDestination(client('https://a.example/1', 'https://a.example/2'), undefined, 's', false));
  assert.ok('unproven' in proveDestination(client(), undefined, 's', false));
});

test('A6: with exactly one registered and none sent that one is used, and known not to have been sent', () => {
  const proof = proveDestination(client(registered), undefined, 's', false);
  assert.ok('destination' in proof);
  assert.partialDeepStrictEqual(proof.destination, { redirect_uri: registered, given: false, state: 's', client_id: 'a' });
});

test('A6: an OpenID Connect request must send redirect_uri even where one is registered', () => {
  assert.ok('unproven' in proveDestination(client(registered), undefined, 's', true));
});

test('A3: the response goes to the port that the request named', () => {
  const proof = proveDestination(client('http://127.0.0.1/cb'), 'http://127.0.0.1:49152/cb', undefined, true);
  assert.ok('destination' in proof);
  assert.partialDeepStrictEqual(proof.destination, { redirect_uri: 'http://127.0.0.1:49152/cb', given: true });
});

test('A2: a redirect_uri that is not registered is refused although others are', () => {
  assert.ok('unproven' in proveDestination(client(registered, 'https://b.example/cb'), 'https://c.example/cb', 's', false));
});

test('A7: https, loopback http and reversed-domain schemes may be registered', () => {
  for (const uri of [
    registered,
    'https://good.example',
    'https://good.example:8443/cb?tenant=1',
    'https://[2001:db8::1]/cb',
    'http://127.0.0.1/cb',
    'http://127.0.0.1:8080/cb?x=1',
    'http://[::1]/cb',
    'http://localhost:3000/',
    'com.example.app:/cb',
    'com.example.app://cb',
  ]) {
    assert.equal(findRedirectUriFault(uri), undefined, uri);
  }
});

test('A7: what may not be registered is refused', () => {
  for (const uri of [
    '',
    'cb',
    '/cb',
    '//good.example/cb',
    'https://',
    'https:good.example/cb',
    'https:/good.example/cb',
    'https:\\\\good.example\\cb',
    'https://good.example/cb#',
    'https://good.example/cb#x',
    'https://user@good.example/cb',
    'https://user:word@good.example/cb',
    'https://@good.example/cb',
    'https://:@good.example/cb',
    'https://good.example\\@evil.example/cb',
    'https://good.example/a b',
    'https://good.example/\n',
    'https://good.example/é',
    'https://good.example/"><script>',
    'http://good.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'http://user@127.0.0.1/cb',
    'http://127.0.0.2/cb',
    'http://0.0.0.0/cb',
    'http://192.168.0.1/cb',
    'http://localhost.evil.example/cb',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'blob:https://good.example/x',
    'ftp://good.example/cb',
    'ws://good.example/cb',
    'mailto:a@good.example',
    'urn:ietf:wg:oauth:2.0:oob',
    'myapp://cb',
    'com.example.app:/cb#x',
  ]) {
    assert.notEqual(findRedirectUriFault(uri), undefined, uri);
  }
});

test('A15: a redirect URI whose own query holds a parameter of the response may not be registered', () => {
  for (const name of ['code', 'state', 'iss', 'error', 'error_description', '%69ss']) {
    assert.notEqual(findRedirectUriFault(`https://good.example/cb?a=1&${name}=x`), undefined, name);
    assert.notEqual(findRedirectUriFault(`com.example.app:/cb?${name}=x`), undefined, name);
  }
});

test('A7: no text makes the check of a registration fail in another way', () => {
  fc.assert(fc.property(anyText(), (uri) => void findRedirectUriFault(uri)));
});
