/** Plants recognisable values in what a browser sends and looks for them in everything that the functions wrote. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser } from '../support/accounts.ts';
import { authorizeUrl, makePkce } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, hiddenField } from '../support/user-agent.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('log leakage: password, code, state, nonce, cookies and anti-CSRF values of a sign-in are in no log line', async () => {
  const client = await makeTestClient(server, { trusted: false });
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const pkce = makePkce();
  const planted = new Map<string, string>([
    ['state', 'planted-state-4c1b7e'],
    ['nonce', 'planted-nonce-9f02aa'],
    ['wrong password', 'planted-password-71dd'],
    ['password in the field of the username', 'planted-password-as-username'],
    ['code_challenge', pkce.challenge],
    ['password', user.password],
    ['client_secret', client.client_secret],
  ]);
  const collect = () => {
    for (const [name, value] of agent.cookies) planted.set(`cookie ${name} ${planted.size}`, value);
  };
  const request = { state: planted.get('state'), nonce: planted.get('nonce'), client_secret: client.client_secret };
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce, request)));
  collect();
  planted.set('anti-CSRF value', hiddenField(signIn.text, 'csrf_token'));
  await agent.submit(signIn, { username: user.username, password: 'planted-password-71dd' });
  await agent.submit(signIn, { username: 'planted-password-as-username', password: 'x' });
  await agent.post('/login', { username: user.username, password: user.password, csrf_token: 'planted-csrf-value-1' });
  planted.set('forged anti-CSRF value', 'planted-csrf-value-1');
  const consent = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  collect();
  planted.set('anti-CSRF value of the consent', hiddenField(consent.text, 'csrf_token'));
  const back = await agent.follow(await agent.submit(consent, { decision: 'allow' }));
  planted.set('code', new URL(back.location ?? '').searchParams.get('code') ?? '');
  const withCode = { redirect_uri: `https://client.example/cb?code=${planted.get('code')}`, ...request };
  await agent.get(authorizeUrl(client, pkce, withCode));
  await agent.get(authorizeUrl(client, pkce, { ...request, response_type: 'token' }));
  await agent.submit(await agent.get('/logout'), {});

  const lines = server.output.logs();
  assert.ok(lines.length >= 12, `${lines.length} lines`);
  const text = server.output.text();
  for (const [name, value] of planted) {
    assert.ok(value.length >= 12, `${name} is too short to look for`);
    for (const form of [value, encodeURIComponent(value), Buffer.from(value).toString('base64')])
      assert.equal(text.includes(form), false, `${name} was written`);
  }
});

test('the log line of a request tells the operator who, what and why', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  server.output.clear();
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, makePkce())));
  await agent.submit(signIn, { username: user.username, password: 'not-this-one' });
  await agent.submit(signIn, { username: user.username, password: user.password });
  await agent.get(authorizeUrl(client, makePkce(), { redirect_uri: 'https://evil.example/cb' }));
  const lines = server.output.logs().filter(({ message }) => message === 'request');
  const seen = lines.map(({ route, method, status, client_id }) => [route, method, status, client_id]);
  const id = client.client_id;
  assert.deepEqual(seen, [
    ['authorize', 'GET', 303, id],
    ['login', 'GET', 200, id],
    ['login', 'POST', 401, id],
    ['login', 'POST', 303, id],
    ['authorize', 'GET', 400, id],
  ]);
  assert.equal(lines[2]?.detail, 'wrong password');
  assert.equal(lines[3]?.subject, user.subject);
  assert.match(String(lines[4]?.detail), /evil\.example/);
  assert.equal(lines[4]?.error, 'invalid_request');
});
