/** The revocation of many tokens as clients see it: nothing from before is active, and new tokens work at once. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type RevokeTokensInput, revokeTokens } from '../../lib/ops/revoke-tokens.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, refreshWith, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, getTokens, makePkce, postForm } from '../support/flow.ts';
import { type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let operation: Operation;
let client: TestClient;
let user: TestUser;
before(async () => {
  server = await startServer();
  operation = openOperation(server);
});
beforeEach(async () => {
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
});

const offline = { scope: 'openid offline_access' };

async function revoke(input: RevokeTokensInput, times: object = {}) {
  const answer = await runProcedure(
    revokeTokens,
    { ...operation.tools, ...times },
    { input, apply: true, reason: 'test', actor: 'test' },
  );
  assert.equal(answer.outcome, 'succeeded', answer.error?.message);
  return answer.result as NonNullable<typeof answer.result>;
}

/** What somebody holds at a client: a token of the client, and the tokens, the session and an unredeemed code of an end-user. */
async function hold(by = client, whose = user) {
  const own = await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, by);
  const tokens = await getTokens(server, by, whose, offline);
  const waiting = await getCode(server, by, whose, offline, tokens.agent);
  assert.deepEqual([own.status, tokens.status], [200, 200]);
  return { by, own: own.body, tokens: tokens.body, agent: tokens.agent, waiting };
}
type Held = Awaited<ReturnType<typeof hold>>;

/** What of it still works. */
async function probe({ by, own, tokens, agent, waiting }: Held) {
  const redeemed = await postForm(server, '/oauth/token', exchangeForm(by, waiting), by);
  const page = await agent.get(authorizeUrl(by, makePkce(), { scope: 'openid' }));
  const working = {
    own: (await introspect(server, by, own.access_token)).active,
    access: (await introspect(server, by, tokens.access_token)).active,
    refresh_known: (await introspect(server, by, tokens.refresh_token)).active,
    userinfo: (await userinfo(server, tokens.access_token)).status === 200,
    code: redeemed.status === 200,
    session: /[?&]code=/.test(page.location ?? ''),
    refresh: (await refreshWith(server, by, tokens.refresh_token)).status === 200,
  };
  return Object.entries(working).flatMap(([name, works]) => (works ? [name] : []));
}
const everything = ['own', 'access', 'refresh_known', 'userinfo', 'code', 'session', 'refresh'];

test('the probe tells what works', async () => {
  assert.deepEqual(await probe(await hold()), everything);
});

test('--all: nothing from before works, not even what was to be redeemed, and everything new does', async () => {
  const held = [await hold(), await hold(await makeTestClient(server), await makeTestUser(server))];
  const result = await revoke({ all: true });
  for (const one of held) assert.deepEqual(await probe(one), []);
  assert.ok(result.ended_sessions >= 2 && result.revoked_families >= 2 && (result.revoked_access_tokens ?? 0) >= 4);
  const again = await hold();
  assert.notEqual(decodeProtectedHeader(again.own.access_token).kid, decodeProtectedHeader(held[0]?.own.access_token ?? '').kid);
  assert.deepEqual(await probe(again), everything);
  const second = await revoke({ issued_before: result.revoked_before });
  assert.deepEqual([second.ended_sessions, second.revoked_families, second.revoked_access_tokens], [0, 0, 0]);
});

test('--client: what that client holds ends; its end-users stay signed in, other clients keep what they have, and it may get new tokens', async () => {
  const other = await hold(await makeTestClient(server));
  const held = await hold();
  const result = await revoke({ client_id: client.client_id });
  assert.deepEqual([result.ended_sessions, result.revoked_families, result.revoked_access_tokens], [0, 1, 2]);
  assert.equal(result.new_keys, undefined);
  assert.deepEqual(await probe(held), ['session']);
  assert.deepEqual(await probe(other), everything);
  assert.deepEqual(await probe(await hold()), everything);
});

test('--user: what was issued for that account ends, with its sign-in; others keep what they have, and it may sign in again', async () => {
  const other = await hold(client, await makeTestUser(server));
  const held = await hold();
  const result = await revoke({ username: user.username });
  assert.deepEqual([result.ended_sessions, result.revoked_families, result.revoked_access_tokens], [1, 1, 1]);
  assert.deepEqual(await probe(held), ['own']);
  assert.deepEqual(await probe(other), everything);
  assert.deepEqual(await probe(await hold()), everything);
});

test('before any row is marked nothing works that falls under a watermark, sign-ins of an account included', async () => {
  for (const [input, working] of [
    [{ username: user.username }, ['own']],
    [{ client_id: client.client_id }, ['session']],
    [{ all: true }, []],
  ] as const) {
    const held = await hold();
    const result = await revoke(input, { longest_run_ms: 0 });
    assert.deepEqual([result.finished, result.ended_sessions, result.revoked_families], [false, 0, 0]);
    assert.deepEqual(await probe(held), working);
    assert.deepEqual(await probe(await hold()), everything);
  }
});

test('--issued-before: what is older ends, with what was refreshed from it since; what is younger goes on, and so do sign-ins', async () => {
  const old = await hold();
  // What was issued in this very millisecond is older too.
  const border = new Date(Date.now() + 1).toISOString();
  const refreshed = await refreshWith(server, client, old.tokens.refresh_token);
  const young = await hold(client, await makeTestUser(server));
  await revoke({ issued_before: border });
  assert.equal((await introspect(server, client, refreshed.body.access_token)).active, false);
  assert.equal((await refreshWith(server, client, refreshed.body.refresh_token)).status, 400);
  assert.deepEqual(await probe(old), ['session']);
  assert.deepEqual(await probe(young), everything);
});

test('while tokens are issued without a pause, those of before a revocation are inactive after it and those of after it are active', async () => {
  let ended = false;
  const issued: { token: string; asked: number; got: number }[] = [];
  const load = [0, 1].map(async () => {
    while (!ended) {
      const asked = Date.now();
      const { status, body } = await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
      assert.equal(status, 200);
      issued.push({ token: body.access_token, asked, got: Date.now() });
    }
  });
  const wait = async (count: number) => {
    const goal = issued.length + count;
    while (issued.length < goal) await new Promise((resolve) => setImmediate(resolve));
  };
  await wait(10);
  const started = Date.now();
  await revoke({ client_id: client.client_id });
  const done = Date.now();
  await wait(10);
  ended = true;
  await Promise.all(load);
  for (const { token, asked, got } of issued) {
    const { active } = await introspect(server, client, token);
    if (got < started) assert.equal(active, false);
    if (asked > done) assert.equal(active, true);
  }
});
