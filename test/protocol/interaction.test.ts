/** What a valid authorization request needs next: the table of prompt, max_age, id_token_hint and consent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Prompt, ValidAuthorizationRequest } from '../../lib/protocol/authorization-request.ts';
import { covers, decideInteraction, hashRequest, type InteractionFacts } from '../../lib/protocol/interaction.ts';
import type { Session } from '../../lib/protocol/session.ts';
import { makeClient, makeDestination, makeRequest, makeSession, now, secondsLater } from '../support/protocol-values.ts';

const thisRequest = hashRequest('client_id=client-a&state=this');
const otherRequest = hashRequest('client_id=client-a&state=other');
const granted = { scope: 'openid', resources: [] };

function decide(
  request: Partial<ValidAuthorizationRequest> = {},
  session: Partial<Session> | null = {},
  facts: Partial<InteractionFacts> = {},
) {
  return decideInteraction({
    request: makeRequest(request),
    request_hash: thisRequest,
    session: session === null ? undefined : makeSession({ subject: 'alice', ...session }),
    grant: granted,
    hinted_subject: undefined,
    now,
    ...facts,
  });
}

/** `issue`, `sign-in`, `consent`, or the error of a refusal. */
function next(...given: Parameters<typeof decide>): string {
  const verdict = decide(...given);
  return verdict.next === 'refuse' ? verdict.error : verdict.next;
}

const prompt = (...values: Prompt[]) => ({ prompt: new Set(values) });

test('a signed-in end-user whose consent covers the request gets the code', () => {
  const verdict = decide();
  assert.equal(verdict.next === 'issue' && verdict.session.subject, 'alice');
});

test('without a session, or with an expired one, the end-user signs in', () => {
  assert.equal(next({}, null), 'sign-in');
  assert.equal(next({}, { expires_at: now }), 'sign-in');
  assert.equal(next({}, { expires_at: secondsLater(0.001) }), 'issue');
});

test('prompt/max_age: prompt=none without a session is login_required', () => {
  assert.equal(next(prompt('none'), null), 'login_required');
  assert.equal(next(prompt('none'), { expires_at: secondsLater(-1) }), 'login_required');
});

test('prompt/max_age: prompt=none without consent is consent_required', () => {
  assert.equal(next(prompt('none'), {}, { grant: undefined }), 'consent_required');
});

test('prompt/max_age: prompt=none with session and consent gets the code', () => {
  assert.equal(next(prompt('none')), 'issue');
});

test('prompt/max_age: prompt=login and select_account sign in again, however fresh the session', () => {
  for (const value of ['login', 'select_account'] as const)
    assert.equal(next(prompt(value), { authenticated_at: now }), 'sign-in');
});

test('prompt/max_age: a sign-in that answered this very request is enough for prompt=login, one that answered another is not', () => {
  assert.equal(next(prompt('login'), { authenticated_for: thisRequest, authenticated_at: now }), 'issue');
  assert.equal(next(prompt('login'), { authenticated_for: otherRequest, authenticated_at: now }), 'sign-in');
});

test('prompt/max_age: a sign-in answers its request for ten minutes and no longer', () => {
  const signedIn = (seconds: number) => ({ authenticated_for: thisRequest, authenticated_at: secondsLater(-seconds) });
  assert.equal(next(prompt('login'), signedIn(600)), 'issue');
  assert.equal(next(prompt('login'), signedIn(600.001)), 'sign-in');
});

test('prompt/max_age: max_age=0 signs in again, as prompt=login does', () => {
  assert.equal(next({ max_age: 0 }, { authenticated_at: now }), 'sign-in');
  assert.equal(next({ max_age: 0 }, { authenticated_for: thisRequest, authenticated_at: now }), 'issue');
  assert.equal(next({ max_age: 0, ...prompt('none') }), 'login_required');
});

test('prompt/max_age: a session older than max_age signs in again, a younger one does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 0, max: 200_000 }), (maxAge, age) => {
      const session = { authenticated_at: secondsLater(-age) };
      assert.equal(next({ max_age: maxAge }, session), age > maxAge ? 'sign-in' : 'issue');
      assert.equal(next({ max_age: maxAge, ...prompt('none') }, session), age > maxAge ? 'login_required' : 'issue');
    }),
  );
});

test('prompt/max_age: an id_token_hint of another end-user signs in again, under prompt=none login_required', () => {
  assert.equal(next({}, {}, { hinted_subject: 'bob' }), 'sign-in');
  assert.equal(next(prompt('none'), {}, { hinted_subject: 'bob' }), 'login_required');
  assert.equal(next(prompt('none'), {}, { hinted_subject: 'alice' }), 'issue');
});

test('OpenID Connect Core §3.1.2.2: when another end-user answered the sign-in the request is refused, not asked forever', () => {
  const answered = { authenticated_for: thisRequest, authenticated_at: now };
  assert.equal(next({}, answered, { hinted_subject: 'bob' }), 'login_required');
  assert.equal(next({ claims: { id_token: { sub: { value: 'bob' } } } }, answered), 'login_required');
});

test('OpenID Connect Core §5.5.1: a subject demanded by the claims parameter is weighed before the hint', () => {
  const claims = { id_token: { sub: { value: 'alice' } } };
  assert.equal(next({ claims }, {}, { hinted_subject: 'bob' }), 'issue');
  assert.equal(next({ claims, ...prompt('none') }, { subject: 'carol' }), 'login_required');
});

test('prompt=consent asks although the stored consent covers the request, once for this request', () => {
  assert.equal(next(prompt('consent')), 'consent');
  assert.equal(next(prompt('consent'), { consented_for: thisRequest }), 'issue');
  assert.equal(next(prompt('consent'), { consented_for: otherRequest }), 'consent');
});

test('prompt=consent asks for a trusted client too', () => {
  assert.equal(next({ client: makeClient({ trusted: true }), ...prompt('consent') }), 'consent');
});

test('a trusted client needs no consent, any other does', () => {
  assert.equal(next({ client: makeClient({ trusted: true }) }, {}, { grant: undefined }), 'issue');
  assert.equal(next({}, {}, { grant: undefined }), 'consent');
});

test('consent bypass: a consent that answered this request does not cover scope or resources that it never held', () => {
  const answered = { consented_for: thisRequest };
  assert.equal(next({ scope: ['openid', 'write'] }, answered), 'consent');
  assert.equal(next({ resources: ['https://api.example'] }, answered), 'consent');
  assert.equal(next({}, answered, { grant: undefined }), 'consent');
});

test('RFC 8252 §8.6: a program that anybody can stand in for asks each time, whatever was allowed before', () => {
  const client = makeClient({ dynamic: true, token_endpoint_auth_method: 'none', client_secret_hash: null });
  for (const uri of ['http://127.0.0.1:4000/cb', 'http://localhost/cb', 'com.example.app:/cb']) {
    const request = { client, destination: makeDestination(uri) };
    assert.equal(next(request), 'consent', uri);
    assert.equal(next(request, { consented_for: thisRequest }), 'issue', uri);
    assert.equal(next({ ...request, ...prompt('none') }), 'consent_required', uri);
  }
  assert.equal(next({ client, destination: makeDestination('https://a.example/cb') }), 'issue');
  assert.equal(next({ client: makeClient({ dynamic: true }), destination: makeDestination('http://127.0.0.1/cb') }), 'issue');
});

test('consent is asked only after the sign-in', () => {
  assert.equal(next(prompt('login', 'consent'), {}, { grant: undefined }), 'sign-in');
  assert.equal(next(prompt('login', 'consent'), { authenticated_for: thisRequest, authenticated_at: now }), 'consent');
});

test('a stored consent covers a request when it holds every scope value and every resource of it', () => {
  const values = fc.uniqueArray(fc.constantFrom('openid', 'read', 'write', 'admin'));
  const uris = fc.uniqueArray(fc.constantFrom('https://one.example', 'https://two.example'));
  fc.assert(
    fc.property(values, uris, values, uris, (scope, resources, grantedScope, grantedResources) => {
      const whole =
        scope.every((value) => grantedScope.includes(value)) && resources.every((uri) => grantedResources.includes(uri));
      assert.equal(
        covers({ scope: grantedScope.join(' '), resources: grantedResources }, makeRequest({ scope, resources })),
        whole,
      );
      assert.equal(covers(undefined, makeRequest({ scope, resources })), false);
    }),
  );
});

test('prompt=none never shows anything: the code or an error that the client may be told', () => {
  const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
  fc.assert(
    fc.property(
      maybe(fc.nat(200)),
      maybe(fc.constantFrom('alice', 'bob')),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (maxAge, hinted, trusted, session, grant) => {
        const verdict = next({ ...prompt('none'), max_age: maxAge, client: makeClient({ trusted }) }, session ? {} : null, {
          hinted_subject: hinted,
          grant: grant ? granted : undefined,
        });
        assert.ok(['issue', 'login_required', 'consent_required'].includes(verdict), verdict);
      },
    ),
  );
});
