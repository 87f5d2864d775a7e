/** Drill: everything is revoked on a running instance with thousands of sign-ins and tokens; nothing of before is active afterwards, everything new is. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import postgres from 'postgres';
import { createSigner } from '../../lib/keys/signer.ts';
import { type RuntimeFile, readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { parseKeyRing } from '../../lib/protocol/key-ring.ts';
import { formatRefreshToken } from '../../lib/protocol/refresh-token.ts';
import { buildAccessTokenClaims } from '../../lib/protocol/tokens.ts';
import { runInProcess } from '../cli/stage.ts';
import { startLoad } from '../support/constant-load.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { recordDrill } from './record.ts';

/** Sign-ins, each with its family and an access token, and as many tokens of the client's own. */
const population = 3000;
/** So many of them are tried one by one; of the rest the database is asked. */
const tried = 300;

let deployment: Deployment;
let client: { client_id: string; client_secret: string };
let runtime: RuntimeFile;
let sql: postgres.Sql;
before(async () => {
  deployment = await openDeployment();
  client = await deployment.operate('create-client', {
    client_name: 'drill',
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: ['https://client.example/cb'],
    scope: 'openid offline_access',
  });
  runtime = readRuntimeFile(deployment.runtime?.folder ?? '') ?? assert.fail();
  sql = postgres({ ...runtime.database, database: 'oauth2', username: 'postgres', max: 1, onnotice: () => {} });
});
after(async () => {
  await sql.end();
  await deployment.stop();
});

interface Held {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** The keys that sign on the instance, as its functions get them. */
async function openSigner() {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const secrets = new SecretsManagerClient({ endpoint: runtime.secrets_endpoint, region: 'us-east-1', credentials });
  const { SecretList = [] } = await secrets.send(new ListSecretsCommand({}));
  const SecretId = SecretList.find(({ Name = '' }) => /signing/.test(Name))?.ARN;
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId }));
  secrets.destroy();
  return createSigner(async () => parseKeyRing(SecretString), Date.now);
}

/** What thousands of people hold, written as their sign-ins would have; the tokens are real. */
async function populate(): Promise<Held[]> {
  const signer = await openSigner();
  const now = new Date();
  const [issued_at, expires_at, later] = [
    new Date(now.getTime() - 60_000),
    new Date(Math.floor(now.getTime() / 1000) * 1000 + 600_000),
    new Date(now.getTime() + 86_400_000),
  ];
  const { client_id } = client;
  const people = await sql<{ subject: string }[]>`
    insert into users (username, email, password_hash, created_at, password_changed_at)
    select 'drill-' || n, 'drill-' || n || '@example.com', 'none', ${issued_at}, ${issued_at} from generate_series(1, 300) n returning subject`;
  const held: Held[] = [];
  const rows = Array.from({ length: population }, (_, at) => {
    const family_id = randomUUID();
    const refresh_token = formatRefreshToken(family_id, randomBytes(32));
    const subject = people[at % people.length]?.subject ?? '';
    return {
      family_id,
      subject,
      session_id: randomUUID(),
      jti: randomUUID(),
      refresh_token,
      refresh_hash: digest(refresh_token),
    };
  });
  for (const { jti, subject, refresh_token } of rows.slice(0, tried)) {
    const facts = { issuer: deployment.issuer, jti, client_id, subject, scope: ['openid'], audience: [deployment.issuer] };
    const claims = buildAccessTokenClaims({ ...facts, issued_at, expires_at, authenticated_at: issued_at });
    held.push({ access_token: await signer.sign(claims, 'ES256', 'at+jwt'), refresh_token });
  }
  const wide = rows.map(({ refresh_token: _, jti: __, ...row }) => row);
  const told = { client_id, scope: 'openid', authenticated_at: issued_at, offline: true, issued_at, expires_at: later };
  for (let from = 0; from < population; from += 1000) {
    const some = wide.slice(from, from + 1000);
    await sql`insert into sessions ${sql(
      some.map(({ subject, session_id }) => ({
        session_hash: randomBytes(32),
        session_id,
        subject,
        authenticated_at: issued_at,
        expires_at: later,
      })),
    )}`;
    await sql`insert into token_families ${sql(
      some.map((row) => ({ ...row, ...told, resources: '{}', amr: '{pwd}', refresh_expires_at: later })),
    )}`;
    await sql`insert into access_tokens ${sql(
      rows
        .slice(from, from + 1000)
        .map(({ jti, subject, family_id }) => ({ jti, expires_at, issued_at, client_id, subject, family_id })),
    )}`;
  }
  await sql`
    insert into access_tokens (jti, expires_at, issued_at, client_id)
    select gen_random_uuid(), ${expires_at}, ${issued_at}, ${client_id} from generate_series(1, ${population}::integer)`;
  return held;
}

async function post(path: string, form: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
  const authorization = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`;
  const response = await fetch(deployment.url(path), {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  assert.ok(response.status < 500, `${path}: ${response.status} ${text}`);
  return { status: response.status, body: JSON.parse(text) };
}
const isActive = async (token: string) => (await post('/oauth/introspect', { token })).body.active === true;
const tellsUser = async (token: string) =>
  (await fetch(deployment.url('/oauth/userinfo'), { headers: { authorization: `Bearer ${token}` } })).status === 200;
const refreshes = async (refresh_token: string) =>
  (await post('/oauth/token', { grant_type: 'refresh_token', refresh_token })).status === 200;

/** How many of them something holds for, four at a time. */
async function countWhere<T>(list: readonly T[], holds: (one: T) => Promise<boolean>): Promise<number> {
  const left = [...list];
  let count = 0;
  const side = async () => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) if (await holds(one)) count++;
  };
  await Promise.all([side(), side(), side(), side()]);
  return count;
}

/** A resource server that verifies by itself, with the keys as they are published now. */
const verifier = () => {
  const keys = createRemoteJWKSet(new URL(deployment.url('/.well-known/jwks.json')));
  return (token: string) =>
    jwtVerify(token, keys, { issuer: deployment.issuer }).then(
      () => true,
      () => false,
    );
};

test('revoke-tokens --all: nothing of before is active once it is done, by whatever way it is asked, and new tokens are', async () => {
  const held = await populate();
  const access = held.map(({ access_token }) => access_token);
  const sample = held.slice(-20);
  assert.equal(await countWhere(sample, ({ access_token }) => isActive(access_token)), sample.length);
  assert.equal(await countWhere(sample, ({ access_token }) => tellsUser(access_token)), sample.length);
  assert.equal(await countWhere(sample.slice(0, 1), ({ refresh_token }) => refreshes(refresh_token)), 1);
  assert.equal(await countWhere(sample, ({ access_token }) => verifier()(access_token)), sample.length);

  // When was the last time that a token of before was called active?
  let lastActive = 0;
  const watched = sample[1]?.access_token ?? '';
  const watch = startLoad([
    async () => {
      if (await isActive(watched)) lastActive = Date.now();
    },
  ]);
  await watch.more(5);
  const began = Date.now();
  const words = ['revoke-tokens', '--all', '--apply', '--reason', 'drill', '--json'];
  const { code, json, stderr } = await runInProcess(words, { OAUTH2_DATA_DIR: deployment.runtime?.folder ?? '' });
  const done = Date.now();
  assert.equal(code, 0, stderr);
  const fresh = await post('/oauth/token', { grant_type: 'client_credentials' });
  const renewed = Date.now();
  await watch.end();
  assert.deepEqual(watch.failures, []);
  assert.ok(lastActive > 0 && lastActive < done, 'a token of before was called active after the command had ended');

  const active = await countWhere(access, isActive);
  const refreshTokens = await countWhere(held, ({ refresh_token }) => isActive(refresh_token));
  const users = await countWhere(access, tellsUser);
  const refreshed = await countWhere(held, ({ refresh_token }) => refreshes(refresh_token));
  // The rest took longer than the second that the key set may be old.
  const verifies = verifier();
  const verified = await countWhere(access, verifies);
  assert.deepEqual(
    { active, refreshTokens, users, refreshed, verified },
    { active: 0, refreshTokens: 0, users: 0, refreshed: 0, verified: 0 },
  );
  const [left] = await sql`
    select (select count(*)::integer from token_families where revoked_at is null) as families,
      (select count(*)::integer from sessions where ended_at is null) as sessions,
      (select count(*)::integer from access_tokens a, revocation_watermark w where a.issued_at >= w.tokens_not_before) as tokens`;
  assert.deepEqual({ ...left }, { families: 0, sessions: 0, tokens: 1 });

  assert.equal(fresh.status, 200);
  const token = String(fresh.body.access_token);
  assert.deepEqual([await isActive(token), await verifies(token)], [true, true]);
  assert.notEqual(decodeProtectedHeader(token).kid, decodeProtectedHeader(access[0] ?? '').kid);
  assert.ok(json.revoked_families === population && json.ended_sessions === population);
  assert.ok(json.revoked_access_tokens >= 2 * population);

  const ms = (instant: number) => Math.max(0, instant - began);
  recordDrill({
    name: 'revoke-all',
    shows:
      'Everything is revoked while a token is introspected without a pause; then tokens of before are tried one by one, and a new one',
    figures: {
      'sign-ins, families and access tokens revoked': `${json.ended_sessions}, ${json.revoked_families} and ${json.revoked_access_tokens}`,
      'command, s': ms(done) / 1000,
      'from its start to the last answer that a token of before is active, ms': ms(lastActive),
      'from its end to the first new token, ms': renewed - done,
      'tried afterwards: introspection, userinfo, refresh, signature with the key set fetched anew': `${tried} of each`,
      'found active, answered, refreshed or verified': active + refreshTokens + users + refreshed + verified,
    },
  });
});
