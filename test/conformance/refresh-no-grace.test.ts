/** Checks refresh tokens with the retry grace off: every second use is reuse. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFamilyId } from '../../lib/protocol/refresh-token.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, introspect, refreshWith } from '../support/calls.ts';
import { exchangeForm, getCode, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  server = await startServer({ OAUTH2_REFRESH_GRACE_SECONDS: '0' });
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(() => server.stop());

async function tokens() {
  const flow = await getCode(server, client, user, {}, agent);
  return (await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).body;
}
const family = async (token: string) => {
  const [row] = await server.db
    .sql`select generation, revoked_because from token_families where family_id = ${readFamilyId(token) ?? ''}`;
  return { ...row };
};

test('R3: without a grace a second use is invalid_grant at once, and the family ends', async () => {
  const first = await tokens();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  assertRefused(await refreshWith(server, client, first.refresh_token), 400, 'invalid_grant');
  assertRefused(await refreshWith(server, client, second.refresh_token), 400, 'invalid_grant');
  assert.deepEqual(await introspect(server, client, second.access_token), { active: false });
});

test('R5: of 50 refreshes at once exactly one succeeds, none meets a server error, and the family is revoked', async () => {
  const { refresh_token } = await tokens();
  const answers = await Promise.all(Array.from({ length: 50 }, () => refreshWith(server, client, refresh_token)));
  const winners = answers.filter(({ status }) => status === 200);
  assert.equal(winners.length, 1);
  for (const loser of answers.filter(({ status }) => status !== 200)) assertRefused(loser, 400, 'invalid_grant');
  assert.deepEqual(await family(refresh_token), { generation: 1, revoked_because: 'refresh token reused' });
  assertRefused(await refreshWith(server, client, winners[0]?.body.refresh_token ?? ''), 400, 'invalid_grant');
});

test('R1: a client that uses each refresh token once goes on as long as it likes', async () => {
  let { refresh_token } = await tokens();
  for (let round = 1; round <= 5; round += 1) {
    const answer = await refreshWith(server, client, refresh_token);
    assert.equal(answer.status, 200);
    refresh_token = answer.body.refresh_token;
    assert.deepEqual(await family(refresh_token), { generation: round, revoked_because: null });
  }
});
