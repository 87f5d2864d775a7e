/** Stops, restarts and blocks the real database and spoils the real secret under the endpoints: 503, nothing half-written, recovery without a restart. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, before, test } from 'node:test';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import postgres from 'postgres';
import { writeKeyRing } from '../../lib/keys/vault.ts';
import { type Database, ownerRole, startDatabase } from '../../lib/local/database.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { readFamilyId } from '../../lib/protocol/refresh-token.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { type Answer, assertDiscreet, assertRefused, introspect, refreshWith, send, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm, type TokenAnswer } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

const folder = mkdtempSync(join(tmpdir(), 'oauth2-outage-'));
let database: Database;
let server: TestServer;
let client: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  database = await startDatabase({ folder, fast: true });
  const sql = postgres(database.url(ownerRole), { max: 1, onnotice: () => {} });
  await migrate(sql as unknown as Parameters<typeof migrate>[0], join(import.meta.dirname, '../../migrations'));
  await sql.end();
  // This file's server is on a Postgres of its own, which it may stop.
  env.OAUTH2_TEST_DATABASE_URL = database.url();
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(async () => {
  await server.stop();
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
});

const restart = async () => {
  database = await startDatabase({ folder, fast: true, port: database.port });
};
const codeFor = () => getCode(server, client, user, {}, agent);
const exchange = async (flow: Awaited<ReturnType<typeof codeFor>>) =>
  postForm(server, '/oauth/token', exchangeForm(client, flow), client);
const introspectRaw = (token: string) => postForm(server, '/oauth/introspect', { token }, client);
const clientToken = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);

/** 503 with Retry-After in the protocol's words, and in nobody else's. */
function assertAway(answer: Answer | TokenAnswer): void {
  assertRefused(answer, 503, 'temporarily_unavailable');
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  assert.equal('active' in answer.body, false);
}

/** Asks as a client does that heeds Retry-After: a pool may still hold connections that nobody told of their end. */
async function askUntilServed(ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
  let answer = await ask();
  for (let attempt = 0; attempt < 10 && answer.status === 503; attempt += 1) {
    assertAway(answer);
    answer = await ask();
  }
  return answer;
}

test('a secret that holds no key ring is 503 until it does, and the code that met it is still good', async () => {
  const flow = await codeFor();
  const secrets = new SecretsManagerClient({});
  for (const spoiled of ['not a key ring', JSON.stringify({ version: 1, keys: { ES256: 1 } }), '{}']) {
    await secrets.send(new PutSecretValueCommand({ SecretId: env.OAUTH2_SIGNING_SECRET, SecretString: spoiled }));
    assertAway(await exchange(flow));
    assertAway(await clientToken());
  }
  const broken = structuredClone(server.ring) as { keys: { ES256: { active: { jwk: { x: string } } } } };
  broken.keys.ES256.active.jwk.x = 'AA';
  await secrets.send(new PutSecretValueCommand({ SecretId: env.OAUTH2_SIGNING_SECRET, SecretString: JSON.stringify(broken) }));
  assertAway(await exchange(flow));
  secrets.destroy();
  const [row] = await server.db.sql`select redeemed_at from authorization_codes where code_hash = ${digest(flow.code)}`;
  assert.equal(row?.redeemed_at, null);
  await writeKeyRing(env.OAUTH2_SIGNING_SECRET ?? '', server.ring);
  assert.equal((await exchange(flow)).status, 200);
  assert.equal((await clientToken()).status, 200);
});

test('a stopped database is 503 everywhere, and everything works again when it is back', async () => {
  const flow = await codeFor();
  const { body } = await exchange(await codeFor());
  assert.equal((await introspect(server, client, body.access_token)).active, true);
  assert.equal((await send(server, '/.well-known/jwks.json')).status, 200);
  await database.stop();
  server.output.clear();
  const form = { token: body.access_token };
  const answers = await Promise.all([
    exchange(flow),
    refreshWith(server, client, body.refresh_token),
    clientToken(),
    postForm(server, '/oauth/introspect', form, client),
    postForm(server, '/oauth/introspect', { token: body.refresh_token }, client),
    postForm(server, '/oauth/introspect', { token: 'nonsense' }, client),
    postForm(server, '/oauth/revoke', form, client),
    postForm(server, '/oauth/revoke', { token: body.refresh_token }, client),
    userinfo(server, body.access_token),
    send(server, `/clients/register/${client.client_id}`, { headers: { authorization: 'Bearer x' } }),
  ]);
  for (const answer of answers) assertAway(answer);
  // Verifiers need not notice: the keys of a moment ago are still right.
  assert.equal((await send(server, '/.well-known/jwks.json')).status, 200);
  assert.equal((await send(server, '/health')).status, 200);
  const ready = await send(server, '/ready');
  assert.equal(ready.status, 503);
  assertDiscreet(ready.text);
  const page = await agent.get(authorizeUrl(client, makePkce()));
  assert.deepEqual([page.status, page.location], [503, undefined]);
  assert.match(page.text, /temporarily_unavailable/);
  assertDiscreet(page.text);
  assert.ok(server.output.logs().some(({ status, detail }) => status === 503 && /ECONNREFUSED|CONNECTION/.test(String(detail))));
  await restart();
  assert.equal((await askUntilServed(() => exchange(flow))).status, 200);
  assert.equal((await askUntilServed(() => refreshWith(server, client, body.refresh_token))).status, 200);
  assert.equal((await askUntilServed(() => introspectRaw(body.access_token))).body.active, true);
  assert.equal((await userinfo(server, body.access_token)).status, 200);
  assert.equal((await send(server, '/ready')).status, 200);
});

test('a database that stops in the middle of requests answers them or 503, and leaves nothing half-written', async () => {
  const flows = [];
  for (let at = 0; at < 12; at += 1) flows.push(await codeFor());
  const pending = flows.map((flow) => exchange(flow));
  const stopped = database.stop();
  const answers = await Promise.all(pending);
  await stopped;
  for (const answer of answers) if (answer.status !== 200) assertAway(answer);
  await restart();
  await server.db.sql`select 1`.catch(() => undefined);
  for (const [at, flow] of flows.entries()) {
    const [row] = await server.db.sql`
      select c.redeemed_at is not null as redeemed, f.family_id is not null as founded,
        exists (select from access_tokens a where a.family_id = c.family_id) as recorded
      from authorization_codes c left join token_families f using (family_id) where code_hash = ${digest(flow.code)}`;
    assert.ok(row?.redeemed === row?.founded && row?.founded === row?.recorded, JSON.stringify(row));
    // What was answered was written; a code that was not redeemed is still good.
    if (answers[at]?.status === 200) assert.equal(row?.redeemed, true);
    if (!row?.redeemed) assert.equal((await askUntilServed(() => exchange(flow))).status, 200);
  }
});

test('connections that are killed under load cost 503 at worst, and the next requests find new ones', async () => {
  const { body } = await exchange(await codeFor());
  const killer = postgres(database.url('postgres', 'postgres'), { max: 1, fetch_types: false });
  const work = Array.from({ length: 40 }, (_, at) => (at % 2 ? clientToken() : introspectRaw(body.access_token)));
  await killer`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'oauth2_api'`;
  const answers = await Promise.all(work);
  await killer.end();
  for (const answer of answers) {
    if (answer.status !== 200) assertAway(answer);
    else assert.notEqual(answer.body.active, false);
  }
  assert.equal((await askUntilServed(clientToken)).status, 200);
  assert.equal((await askUntilServed(() => introspectRaw(body.access_token))).body.active, true);
});

test('a database that is too slow is 503 in time, the late statement changes nothing, and the refresh token is still good', async () => {
  const { body } = await exchange(await codeFor());
  const familyId = readFamilyId(body.refresh_token) ?? '';
  const flow = await codeFor();
  const locked = await server.db.sql.reserve();
  await locked`begin`;
  await locked`select from token_families where family_id = ${familyId} for update`;
  await locked`select from authorization_codes where code_hash = ${digest(flow.code)} for update`;
  const started = performance.now();
  const answers = await Promise.all([refreshWith(server, client, body.refresh_token), exchange(flow)]);
  assert.ok(performance.now() - started < 10_000);
  await locked`rollback`;
  locked.release();
  for (const answer of answers) assertAway(answer);
  const [family] = await server.db.sql`select generation from token_families where family_id = ${familyId}`;
  assert.equal(family?.generation, 0);
  assert.equal((await refreshWith(server, client, body.refresh_token)).status, 200);
  assert.equal((await exchange(flow)).status, 200);
});

test('a server that has no connection left for the role is 503', async () => {
  const { body } = await exchange(await codeFor());
  const admin = postgres(database.url('postgres', 'postgres'), { max: 1, fetch_types: false });
  await admin`alter role oauth2_api connection limit 0`;
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'oauth2_api'`;
  try {
    assertAway(await introspectRaw(body.access_token));
    assertAway(await clientToken());
  } finally {
    await admin`alter role oauth2_api connection limit -1`;
    await admin.end();
  }
  assert.equal((await askUntilServed(() => introspectRaw(body.access_token))).body.active, true);
});
