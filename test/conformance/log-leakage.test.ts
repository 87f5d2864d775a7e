/** Plants recognisable credentials in every kind of request and looks for them in everything that the functions wrote. */
import assert from 'node:assert/strict';
import { stderr } from 'node:process';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser } from '../support/accounts.ts';
import { introspect, refreshWith, revoke, send, sendJson, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

let server: TestServer;
const errors: string[] = [];
const write = stderr.write;

before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
  stderr.write = ((chunk: string | Uint8Array) => {
    errors.push(String(chunk));
    return true;
  }) as typeof write;
});
after(async () => {
  stderr.write = write;
  await server.stop();
});

/** Everything written since the start: log lines, metrics, standard error. */
const written = () => `${server.output.text()}\n${errors.join('')}`;

/** A text is found as it is, form-urlencoded, in base64 and by its second half: a token that is cut off is a leak as well. */
function assertUnwritten(secrets: Readonly<Record<string, string | undefined>>): void {
  const text = written();
  for (const [name, secret = ''] of Object.entries(secrets)) {
    assert.ok(secret.length >= 12, `${name} is too short to look for`);
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      secret.slice(-Math.ceil(secret.length / 2)),
    ])
      assert.equal(text.includes(form), false, `${name} was written`);
  }
}

test('a whole sign-in, its tokens and their end leave no credential in the output', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const flow = await getCode(server, client, user, { state: 'planted-state-6f1d2c' }, agent);
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, flow), client);
  const cookies = Object.fromEntries([...agent.cookies].map(([name, value]) => [`cookie ${name}`, value]));
  assert.ok(agent.cookies.size > 0);
  await userinfo(server, body.access_token);
  await introspect(server, client, body.access_token);
  await introspect(server, client, body.refresh_token);
  const second = (await refreshWith(server, client, body.refresh_token)).body;
  await agent.get(`/logout?${new URLSearchParams({ id_token_hint: body.id_token })}`);
  await revoke(server, client, second.access_token);
  await revoke(server, client, second.refresh_token);
  assertUnwritten({
    ...cookies,
    code: flow.code,
    'code verifier': flow.pkce.verifier,
    'P8: code challenge': flow.pkce.challenge,
    'access token': body.access_token,
    'refresh token': body.refresh_token,
    'ID token': body.id_token,
    'second access token': second.access_token,
    'second refresh token': second.refresh_token,
    'client secret': client.client_secret,
    'Authorization header': client.basic.slice(6),
    password: user.password,
  });
  assert.ok(server.output.logs().length >= 10);
});

test('refused requests leave no credential in the output', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const planted = {
    code: 'planted-code-91c7e0a4b2',
    verifier: `planted-verifier-${'7'.repeat(40)}`,
    refresh: `rt_${'plantedrefresh77'.repeat(4)}`,
    access: 'plantedheader1.plantedpayload2.plantedsignature3',
    secret: 'planted-secret-5d02c1f7',
    password: 'planted-password-ab39',
    cookie: 'planted-cookie-value-00f1d7e6a5b4c3d2e1f0a9b8',
    registration: 'planted-registration-token-42',
    assertion: 'planted.assertion.77aa55cc',
  };
  const wrong = { ...client, basic: `Basic ${btoa(`${client.client_id}:${planted.secret}`)}` };
  const flow = await getCode(server, client, user, {}, agent);
  const form = exchangeForm(client, flow);
  await postForm(server, '/oauth/token', { ...form, code_verifier: planted.verifier }, client);
  await postForm(server, '/oauth/token', { ...form, code: planted.code }, client);
  await postForm(server, '/oauth/token', { ...form, redirect_uri: `https://x.example/?code=${planted.code}` }, client);
  await postForm(server, '/oauth/token', form, wrong);
  await postForm(server, '/oauth/token', { ...form, client_secret: planted.secret }, client);
  await postForm(server, '/oauth/token', { grant_type: 'client_credentials', client_assertion: planted.assertion }, client);
  await postForm(server, '/oauth/token', { grant_type: 'password', username: 'x', password: planted.password }, client);
  await refreshWith(server, client, planted.refresh);
  await refreshWith(server, client, planted.access);
  await send(server, `/oauth/token?client_secret=${planted.secret}&code=${planted.code}`);
  await userinfo(server, planted.access);
  await send(server, `/oauth/userinfo?access_token=${planted.access}`);
  for (const token of [planted.access, planted.refresh]) {
    await introspect(server, client, token);
    await revoke(server, client, token);
    await postForm(server, '/oauth/introspect', { token }, wrong);
    await postForm(server, '/oauth/revoke', { token }, wrong);
  }
  await agent.get(authorizeUrl(client, makePkce(), { prompt: 'none', id_token_hint: planted.access }));
  await agent.get(`/logout?${new URLSearchParams({ id_token_hint: planted.access })}`);
  await send(server, '/oauth/authorize', { headers: { cookie: `session=${planted.cookie}; __Host-session=${planted.cookie}` } });
  const login = await createUserAgent(server).get(authorizeUrl(client, makePkce()));
  const visitor = createUserAgent(server);
  const page = await visitor.follow(login);
  await visitor.submit(page, { username: user.username, password: planted.password });
  await visitor.post(login.location ?? '/login', {
    username: user.username,
    password: planted.password,
    csrf_token: planted.cookie,
  });
  const managed = { authorization: `Bearer ${planted.registration}` };
  await send(server, `/clients/register/${client.client_id}`, { headers: managed });
  await sendJson(
    server,
    '/clients/register',
    'POST',
    { redirect_uris: ['https://a.example/'], client_secret: planted.secret, jwks: 1, jwks_uri: 2 },
    managed,
  );
  assertUnwritten({
    ...planted,
    'real code': flow.code,
    'real verifier': flow.pkce.verifier,
    'refused header': wrong.basic.slice(6),
  });
});

test('a failing server leaves no credential in the output either', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const flow = await getCode(server, client, user);
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, await getCode(server, client, user)), client);
  const hide = ['access_tokens', 'token_families', 'authorization_codes', 'signing_keys', 'throttles'];
  for (const name of hide) await server.db.sql`alter table ${server.db.sql(name)} rename to ${server.db.sql(`hidden_${name}`)}`;
  const statuses: number[] = [];
  try {
    statuses.push((await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).status);
    statuses.push((await refreshWith(server, client, body.refresh_token)).status);
    statuses.push((await userinfo(server, body.access_token)).status);
    statuses.push((await postForm(server, '/oauth/introspect', { token: body.access_token }, client)).status);
    statuses.push((await revoke(server, client, body.refresh_token)).status);
    statuses.push((await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).status);
  } finally {
    for (const name of hide) await server.db.sql`alter table ${server.db.sql(`hidden_${name}`)} rename to ${server.db.sql(name)}`;
  }
  assert.deepEqual([...new Set(statuses)], [500]);
  assertUnwritten({
    code: flow.code,
    verifier: flow.pkce.verifier,
    'access token': body.access_token,
    'refresh token': body.refresh_token,
    'client secret': client.client_secret,
    'Authorization header': client.basic.slice(6),
  });
});

test('registration leaves neither the secret nor the registration access token in the output', async () => {
  const { body } = await sendJson(server, '/clients/register', 'POST', { redirect_uris: ['https://app.example/cb'] });
  const headers = { authorization: `Bearer ${body.registration_access_token}` };
  const path = `/clients/register/${body.client_id}`;
  await send(server, path, { headers });
  await sendJson(
    server,
    path,
    'PUT',
    { client_id: body.client_id, client_secret: body.client_secret, redirect_uris: ['https://app.example/2'] },
    headers,
  );
  await sendJson(
    server,
    path,
    'PUT',
    { client_id: body.client_id, registration_access_token: body.registration_access_token },
    headers,
  );
  await send(server, path, { method: 'DELETE', headers });
  assertUnwritten({
    'client secret': String(body.client_secret),
    'registration access token': String(body.registration_access_token),
  });
});

test('every request leaves one log line with its id, route, method, status and duration', async () => {
  server.output.clear();
  const client = await makeTestClient(server);
  await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
  await postForm(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: 'x' }, client);
  const [served = {}, refused = {}, ...more] = server.output.logs().filter(({ message }) => message === 'request');
  assert.equal(more.length, 0);
  for (const line of [served, refused]) {
    assert.match(String(line.request_id), /\S{8}/);
    assert.deepEqual([line.route, line.method, line.client_id], ['token', 'POST', client.client_id]);
    assert.equal(typeof line.duration_ms, 'number');
  }
  assert.deepEqual(
    [served.status, served.grant_type, refused.status, refused.error],
    [200, 'client_credentials', 400, 'invalid_grant'],
  );
  assert.match(String(refused.detail), /unknown/);
});
