/** The end-user's decision: asked for what is shown, for one client, in one browser, and not to be had by any other way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect, titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, makePkce, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, formAction, hiddenField, type Page, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
const pkce = makePkce();

before(async () => {
  server = await startServer();
});
after(() => server.stop());

interface Shown {
  readonly agent: UserAgent;
  readonly client: TestClient;
  readonly user: TestUser;
  readonly page: Page;
}

/** A browser that was shown the consent page for a client that asks for `openid read`. */
async function showConsent(fields: Parameters<typeof makeTestClient>[1] = {}): Promise<Shown> {
  const client = await makeTestClient(server, { trusted: false, ...fields });
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const page = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  assert.equal(titleOf(page), 'Consent');
  return { agent, client, user, page };
}

/** Scope that the store holds as allowed; undefined where nothing is. */
async function grantedScope({ client, user }: Shown): Promise<string | undefined> {
  const [row] = await server.db.sql`select scope from grants where subject = ${user.subject} and client_id = ${client.client_id}`;
  return row?.scope;
}

test('the consent page names client, end-user, scope and where the browser goes next', async () => {
  const { user, client, page } = await showConsent({ client_name: '<b>Name</b>' });
  assert.ok(page.text.includes('&lt;b&gt;Name&lt;/b&gt;'));
  assert.ok(page.text.includes(user.username));
  assert.ok(page.text.includes(client.client_id));
  assert.match(page.text, /id="redirect-host">client\.(<wbr>)?example</);
  assert.match(page.text, /<code>read<\/code>/);
  assert.equal(page.text.includes('consent-unverified'), false);
});

test('the consent page warns of a client that registered itself', async () => {
  const { page } = await showConsent({ dynamic: true });
  assert.ok(page.text.includes('id="consent-unverified"'));
});

test('A19: an end-user who denies sends access_denied to the client, and nothing is recorded', async () => {
  const shown = await showConsent();
  const parameters = assertRedirectError(server, await shown.agent.submit(shown.page, { decision: 'deny' }), 'access_denied');
  assert.equal(parameters.get('state'), 'xyz');
  assert.equal(await grantedScope(shown), undefined);
});

test('an end-user who allows sends a code to the client, and is not asked again for the same or less', async () => {
  const shown = await showConsent();
  const { agent, client } = shown;
  const back = await agent.follow(await agent.submit(shown.page, { decision: 'allow' }));
  assert.ok(readRedirect(back).has('code'));
  assert.equal(await grantedScope(shown), 'openid read');
  for (const scope of ['openid read', 'openid', 'read'])
    assert.ok(readRedirect(await agent.get(authorizeUrl(client, pkce, { scope }))).has('code'), scope);
});

test('more scope than was allowed is asked for again, and both are kept', async () => {
  const shown = await showConsent();
  const { agent, client, user } = shown;
  await agent.submit(shown.page, { decision: 'allow' });
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce, { scope: 'openid write' })), '/consent');
  await walk(agent, authorizeUrl(client, pkce, { scope: 'openid write' }), user);
  assert.deepEqual((await grantedScope(shown))?.split(' ').sort(), ['openid', 'read', 'write']);
});

test('a consent for one client is none for another, nor for another end-user', async () => {
  const { agent, client, page } = await showConsent();
  await agent.submit(page, { decision: 'allow' });
  const other = await makeTestClient(server, { trusted: false });
  assertSentTo(server, await agent.get(authorizeUrl(other, pkce)), '/consent');
  const somebody = await makeTestUser(server);
  const jar = createUserAgent(server);
  const signIn = await jar.follow(await jar.get(authorizeUrl(client, pkce)));
  const next = await jar.follow(await jar.submit(signIn, { username: somebody.username, password: somebody.password }));
  assert.equal(titleOf(next), 'Consent');
});

test('a resource that was not allowed is asked for', async () => {
  const { agent, client, page } = await showConsent({ resources: ['https://api.example'] });
  await agent.submit(page, { decision: 'allow' });
  const next = await agent.follow(await agent.get(authorizeUrl(client, pkce, { resource: 'https://api.example' })));
  assert.equal(titleOf(next), 'Consent');
  assert.ok(next.text.includes('https://api.example'));
});

test('a trusted client is not asked for', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const back = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  assert.ok(readRedirect(back).has('code'));
});

test('a decision that is neither allow nor deny, or none, is answered with a page', async () => {
  const shown = await showConsent();
  for (const fields of [{ decision: 'yes' }, { decision: '' }, {}] as Record<string, string>[])
    assertErrorPage(await shown.agent.submit(shown.page, fields));
  assert.equal(await grantedScope(shown), undefined);
});

test('A25: a consent without the anti-CSRF value, or with another one, is refused, and no code follows', async () => {
  const shown = await showConsent();
  const { agent, client, page } = shown;
  for (const csrf_token of ['', 'x', 'A'.repeat(43), `${hiddenField(page.text, 'csrf_token')}A`])
    assertErrorPage(await agent.submit(page, { csrf_token, decision: 'allow' }), 'invalid_request', 403);
  assert.equal(await grantedScope(shown), undefined);
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce)), '/consent');
});

test('A25: a consent by GET is none', async () => {
  const shown = await showConsent();
  const url = `${formAction(shown.page.text)}&decision=allow&csrf_token=${hiddenField(shown.page.text, 'csrf_token')}`;
  assert.equal(titleOf(await shown.agent.get(url)), 'Consent');
  assert.equal(await grantedScope(shown), undefined);
});

test('A25: a form that was shown to another browser is refused in this one', async () => {
  const attacker = await showConsent();
  const victim = await showConsent();
  const form = { csrf_token: hiddenField(attacker.page.text, 'csrf_token'), decision: 'allow' };
  assertErrorPage(await victim.agent.post(formAction(attacker.page.text), form), 'invalid_request', 403);
  assertErrorPage(await victim.agent.post(formAction(victim.page.text), form), 'invalid_request', 403);
  assert.equal(await grantedScope({ ...attacker, user: victim.user }), undefined);
});

test('A25: a form that was shown before somebody else signed in is refused', async () => {
  const { agent, client, page } = await showConsent();
  const other = await makeTestUser(server);
  const csrf = agent.cookies.get('csrf') ?? '';
  await agent.submit(await agent.get('/login'), { username: other.username, password: other.password });
  // Even in a browser that kept the anti-CSRF cookie.
  agent.cookies.set('csrf', csrf);
  assertErrorPage(await agent.submit(page, { decision: 'allow' }), 'invalid_request', 403);
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce)), '/consent');
});

for (const [what, change] of [
  ['scope', (action: string) => action.replace('scope=openid+read', 'scope=openid+read+write')],
  ['redirect_uri', (action: string) => action.replace('client.example%2Fcb', 'client.example%2Fother')],
  ['state', (action: string) => action.replace('state=xyz', 'state=abc')],
  ['code_challenge', (action: string) => action.replace(pkce.challenge, makePkce().challenge)],
  ['resource', (action: string) => `${action}&resource=${encodeURIComponent('https://api.example')}`],
] as const) {
  test(`consent bypass: a ${what} that was altered between display and POST is refused, and nothing is recorded`, async () => {
    const shown = await showConsent({
      redirect_uris: ['https://client.example/cb', 'https://client.example/other'],
      resources: ['https://api.example'],
    });
    const action = formAction(shown.page.text);
    const altered = change(action);
    assert.notEqual(altered, action);
    const form = { csrf_token: hiddenField(shown.page.text, 'csrf_token'), decision: 'allow' };
    assertErrorPage(await shown.agent.post(altered, form), 'invalid_request', 403);
    assert.equal(await grantedScope(shown), undefined);
  });
}

test('consent bypass: the client_id cannot be exchanged for another client, whose consent it would become', async () => {
  const shown = await showConsent();
  const evil = await makeTestClient(server, { trusted: false, dynamic: true });
  const action = formAction(shown.page.text).replace(shown.client.client_id, evil.client_id);
  const form = { csrf_token: hiddenField(shown.page.text, 'csrf_token'), decision: 'allow' };
  assertErrorPage(await shown.agent.post(action, form), 'invalid_request', 403);
  assert.equal(await grantedScope({ ...shown, client: evil }), undefined);
});

test('consent bypass: parameters of the form do not override those of the request', async () => {
  const shown = await showConsent();
  await shown.agent.submit(shown.page, { decision: 'allow', scope: 'openid read write' });
  assert.equal(await grantedScope(shown), 'openid read');
});

test('the consent page without a session, or for a request that is refused, leads back to the authorization endpoint', async () => {
  const { agent, client } = await showConsent();
  const consentUrl = (parameters = {}) => authorizeUrl(client, pkce, parameters).replace('/oauth/authorize', '/consent');
  const stranger = await createUserAgent(server).get(consentUrl());
  assert.equal(stranger.status, 303);
  assert.ok(stranger.location?.startsWith(`${server.issuer}/oauth/authorize?`));
  const refused = await agent.follow(await agent.get(consentUrl({ scope: 'nonsense' })));
  assertRedirectError(server, refused, 'invalid_scope');
});

test('a consent allowed by 20 submissions at once is recorded once, without a failure', async () => {
  const shown = await showConsent();
  const answers = await Promise.all(Array.from({ length: 20 }, () => shown.agent.submit(shown.page, { decision: 'allow' })));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [303]);
  assert.equal(await grantedScope(shown), 'openid read');
});
