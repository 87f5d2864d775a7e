/** Drill: the database of a running instance is destroyed and comes back from its backup; nothing that was revoked comes back with it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { listDumpedTables, readContents } from '../../lib/store/backup-contents.ts';
import type { Sql } from '../../lib/store/database.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { makePkce, walk } from '../support/flow.ts';
import { blocksOf, findMissing, readCommand } from '../support/runbook-page.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { recordDrill } from './record.ts';

let deployment: Deployment;
let folder: string;
let url: (database?: string) => string;
before(async () => {
  deployment = await openDeployment();
  folder = deployment.runtime?.folder ?? '';
  const { host, port } = readRuntimeFile(folder)?.database ?? assert.fail('the instance does not run');
  url = (database = 'oauth2') => `postgres://postgres@${host}:${port}/${database}`;
});
after(() => deployment.stop());

const operate = (...words: string[]): Promise<ToolRun> =>
  runInProcess(words, { OAUTH2_DATA_DIR: folder }, '', { tries: 20, pause_ms: 100 });

/** @throws where the command fails, with what it said */
async function must(...words: string[]): Promise<ToolRun> {
  const run = await operate(...words);
  assert.equal(run.code, 0, `${words.join(' ')}: ${run.stdout}${run.stderr}`);
  return run;
}

async function withDatabase<T>(work: (sql: postgres.Sql) => Promise<T>, database?: string): Promise<T> {
  const sql = postgres(url(database), { max: 1, fetch_types: false, onnotice: () => {} });
  return work(sql).finally(() => sql.end());
}

const contentsOf = (database: string) =>
  withDatabase((sql) => sql.begin((transaction) => readContents(transaction as unknown as Sql)), database);

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** Answers of the token endpoint, with the client's own credentials. */
async function post(path: string, { client_id, client_secret }: Credentials, form: Record<string, string>) {
  const response = await deployment.fetch(`${deployment.issuer}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test asserts
  return { status: response.status, body: JSON.parse((await response.text()) || '{}') as Record<string, any> };
}

const makeClient = (name: string) =>
  deployment.operate<Credentials>('create-client', { client_name: name, grant_types: ['client_credentials'], scope: 'read' });
const issue = (client: Credentials) => post('/oauth/token', client, { grant_type: 'client_credentials' });
const introspect = async (client: Credentials, token: string) => (await post('/oauth/introspect', client, { token })).body.active;

const takeBackup = async (): Promise<BackupManifest> =>
  JSON.parse((await must('backup', '--apply', '--reason', 'drill', '--json')).stdout);

test('the pages restore-drill and restore run as written, and say what they did', async () => {
  await makeClient('pages');
  const { backup_id } = await takeBackup();
  for (const page of ['restore-drill', 'restore'])
    for (const { lines, prints } of blocksOf(page)) {
      let said = '';
      for (const line of lines) {
        const { words } = readCommand(
          line.replaceAll('BACKUP_ID', backup_id).replaceAll('INSTANT', new Date().toISOString()),
          page,
        );
        const { code, stdout, stderr } = await operate(...words);
        assert.ok(code === 0 || (code === 4 && /^(status|verify)$/.test(words[0] ?? '')), `${line}: ${stdout}${stderr}`);
        said += stdout;
      }
      assert.equal(findMissing(prints, said), undefined, `${page}.md, after ${lines.join()}: ${said}`);
    }
});

test('while a restore is under way what writes is told to come back, and what reads goes on', async () => {
  const client = await makeClient('meanwhile');
  const { access_token } = (await issue(client)).body;
  const { backup_id } = await takeBackup();
  let restoring = true;
  const restore = operate('restore', '--backup', backup_id, '--apply', '--reason', 'drill', '--json').finally(() => {
    restoring = false;
  });
  const statuses = new Map<string, number>();
  const retries = new Set<string | null>();
  while (restoring) {
    for (const [what, path, form] of [
      ['token', '/oauth/token', { grant_type: 'client_credentials' }],
      ['introspect', '/oauth/introspect', { token: access_token }],
    ] as const) {
      const response = await deployment.fetch(`${deployment.issuer}${path}`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` },
        body: new URLSearchParams(form),
      });
      const body = (await response.json()) as { active?: boolean };
      const state = `${what} ${response.status}${body.active === undefined ? '' : ` ${body.active}`}`;
      statuses.set(state, (statuses.get(state) ?? 0) + 1);
      if (response.status === 503) retries.add(response.headers.get('retry-after'));
    }
  }
  const { code, stdout, stderr } = await restore;
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(
    [...statuses.keys()].filter((state) => !/^(token (200|503)|introspect (200 true|503))$/.test(state)),
    [],
  );
  assert.ok((statuses.get('token 503') ?? 0) > 0 && (statuses.get('introspect 200 true') ?? 0) > 0);
  assert.ok(![...retries].includes(null));
  await must('restore', '--discard', '--apply', '--reason', 'drill');
});

test('a restore of yesterday does not undo that everything was revoked', async () => {
  const client = await makeClient('revoked');
  const { access_token } = (await issue(client)).body;
  const { backup_id } = await takeBackup();
  await must('revoke-tokens', '--all', '--apply', '--reason', 'drill');
  assert.equal(await introspect(client, access_token), false);
  const { json } = await must('restore', '--backup', backup_id, '--apply', '--reason', 'drill', '--json');
  assert.equal(json.revocations, 'former database');
  assert.equal(await introspect(client, access_token), false);
  const fresh = (await issue(client)).body.access_token;
  assert.equal(await introspect(client, fresh), true);
  await must('restore', '--discard', '--apply', '--reason', 'drill');
});

const rows = 100_000;
const redirectUri = 'https://client.example/cb';
const account = { username: 'survivor', email: 'survivor@example.com', password: 'correct horse battery staple' };

/** Signs in and exchanges the code. @returns the refresh token */
async function signIn(client: Credentials): Promise<string> {
  const { verifier, challenge } = makePkce();
  const scope = 'openid offline_access';
  const request = { client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope };
  const query = new URLSearchParams({ ...request, code_challenge: challenge, code_challenge_method: 'S256' });
  const agent = createUserAgent({ issuer: deployment.issuer, url: deployment.url });
  const back = await walk(agent, `${deployment.issuer}/oauth/authorize?${query}`, { ...account, subject: '' });
  const code = back.searchParams.get('code') ?? '';
  const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri };
  const { status, body } = await post('/oauth/token', client, form);
  assert.equal(status, 200, JSON.stringify(body));
  return body.refresh_token;
}

const refresh = (client: Credentials, refresh_token: string) =>
  post('/oauth/token', client, { grant_type: 'refresh_token', refresh_token });

/** A client, somebody who is signed in at it, and a hundred thousand others. @returns the client and two refresh tokens */
async function populate(name: string) {
  const client = await deployment.operate<Credentials>('create-client', {
    client_name: name,
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: [redirectUri],
    scope: 'openid offline_access read',
    trusted: true,
  });
  const users = await deployment.operate<{ users: { username: string }[] }>('list-users', {});
  if (!users.users.some(({ username }) => username === account.username)) await deployment.operate('create-user', account);
  await withDatabase(
    (sql) => sql`
      insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at, refresh_hash)
      select gen_random_uuid(), 'c' || n % 100, gen_random_uuid(), gen_random_uuid(), 'openid', '{}', now(), '{pwd}', true, now(), now() + interval '30 days',
        sha256(n::text::bytea) from generate_series(1, ${rows}) as n`,
  );
  return { client, held: await signIn(client), revoked: await signIn(client) };
}

/** What a restore and the instance itself write while it goes on, or is said not to be kept. */
const changing = /^(audit_log|authorization_codes|metric_|log_|events$|event_relay$)/;

/** Tables of the live database that differ from the manifest, and how many do not. */
async function compare({ tables }: BackupManifest, expected: readonly string[]) {
  const found = new Map((await contentsOf('oauth2')).map((table) => [table.name, table]));
  const compared = tables.filter(({ name }) => !changing.test(name) && !expected.includes(name));
  const different = compared.filter(
    ({ name, rows: wanted, digest }) => found.get(name)?.rows !== wanted || found.get(name)?.digest !== digest,
  );
  assert.deepEqual(
    different.map(({ name }) => name),
    [],
  );
  return compared.length;
}

const sumOf = ({ tables }: BackupManifest) => tables.reduce((sum, table) => sum + table.rows, 0);

async function restoreIt(backupId: string) {
  const began = performance.now();
  const { json } = await must('restore', '--backup', backupId, '--apply', '--reason', 'drill', '--json');
  return { json, seconds: Math.round((performance.now() - began) / 100) / 10 };
}

test('emptied by a script, the database comes back: every table by count and checksum, a client and a refresh token of before go on', async () => {
  const { client, held, revoked } = await populate('emptied');
  const manifest = await takeBackup();
  assert.equal((await post('/oauth/revoke', client, { token: revoked })).status, 200);
  await withDatabase(async (sql) => {
    const kept = /^(flyway_schema_history|events|event_relay|audit_log|revocation_watermark|metric_|log_)/;
    for (const table of (await listDumpedTables(sql as unknown as Sql)).filter((name) => !kept.test(name)))
      await sql`truncate ${sql(table)} cascade`;
  });
  assert.equal((await issue(client)).status, 401);

  const { json, seconds } = await restoreIt(manifest.backup_id);
  assert.deepEqual([json.rows, json.revocations], [sumOf(manifest), 'former database']);
  // One family was revoked since, with the tokens of it.
  const alike = await compare(manifest, ['token_families', 'access_tokens']);
  assert.equal((await issue(client)).status, 200);
  assert.equal((await refresh(client, held)).status, 200);
  assert.equal((await refresh(client, revoked)).body.error, 'invalid_grant');
  await must('restore', '--discard', '--apply', '--reason', 'drill');
  recordDrill({
    name: 'restore',
    shows:
      'The tables of a running instance are emptied by a script, and one command puts them back, with a safety backup before and what was revoked since still revoked',
    figures: {
      'rows restored and compared': json.rows,
      'tables equal by count and checksum, as loaded': json.tables,
      'tables equal still, when what was revoked since was carried over': alike,
      'client of before is served': 'yes',
      'refresh token of before, and one that was revoked since': 'refreshed, and refused',
      'from the command to ready, s': seconds,
    },
  });
});

test('to an instant without a backup: what a script deleted since is back, what was revoked since is not, and no instance is left', async () => {
  const { client, held, revoked } = await populate('rewound');
  const before = await contentsOf('oauth2');
  // An instant of whole milliseconds that lies between the two.
  const instant = new Date(Date.now() + 5);
  await withDatabase((sql) => sql`select pg_sleep_until(${new Date(instant.getTime() + 5)})`);
  assert.equal((await post('/oauth/revoke', client, { token: revoked })).status, 200);
  await withDatabase((sql) => sql`truncate clients, users cascade`);
  assert.equal((await issue(client)).status, 401);

  const early = await operate('restore', '--to-time', '2026-01-01T00:00:00Z');
  assert.match(early.stderr, /can be taken back to an instant from .* to .*, not to 2026-01-01T00:00:00.000Z/);
  const planned = await must('restore', '--to-time', instant.toISOString());
  assert.match(planned.stdout, /let RDS make an instance beside, as the database was at/);

  const began = performance.now();
  const { json } = await must('restore', '--to-time', instant.toISOString(), '--apply', '--reason', 'drill', '--json');
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  assert.deepEqual([json.taken_at, json.revocations, json.left], [instant.toISOString(), 'former database', undefined]);
  const { json: backups } = await must('list-backups', '--json');
  const made = backups.backups.find(({ backup_id }: BackupManifest) => backup_id === json.backup_id);
  assert.deepEqual([made.kind, made.taken_at], ['rewound', instant.toISOString()]);
  const found = new Map((await contentsOf('oauth2')).map((table) => [table.name, table]));
  const compared = before.filter(({ name }) => !changing.test(name) && !/^(token_families|access_tokens)$/.test(name));
  assert.deepEqual(
    compared.map(({ name }) => found.get(name)),
    compared,
  );
  assert.equal((await issue(client)).status, 200);
  assert.equal((await refresh(client, held)).status, 200);
  assert.equal((await refresh(client, revoked)).body.error, 'invalid_grant');
  assert.ok(!existsSync(join(folder, 'postgres/rewound')) || readdirSync(join(folder, 'postgres/rewound')).length === 0);
  await must('restore', '--discard', '--apply', '--reason', 'drill');
  recordDrill({
    name: 'restore-to-time',
    shows:
      'A script deletes every client and account, no backup was taken, and one command goes back to an instant before: by an instance beside, its dump, and the restore of that',
    figures: {
      'rows restored and compared': json.rows,
      'tables as they were at the instant': compared.length,
      'refresh token of before, and one that was revoked since': 'refreshed, and refused',
      'from the command to ready, s (on RDS some 30 minutes more)': seconds,
    },
  });
});

test('destroyed with its files, the database comes back: every table by count and checksum, clients go on, and people sign in again', async () => {
  const { client, held } = await populate('destroyed');
  const { access_token } = (await issue(client)).body;
  const manifest = await takeBackup();
  await deployment.runtime?.restart(() => rmSync(join(folder, 'postgres'), { recursive: true }));
  const { host, port } = readRuntimeFile(folder)?.database ?? assert.fail('the instance does not run');
  url = (database = 'oauth2') => `postgres://postgres@${host}:${port}/${database}`;
  assert.equal((await issue(client)).status, 401);

  const { json, seconds } = await restoreIt(manifest.backup_id);
  assert.deepEqual([json.rows, json.revocations], [sumOf(manifest), 'everything ended']);
  const alike = await compare(manifest, ['revocation_watermark']);
  assert.equal(await introspect(client, access_token), false);
  assert.equal((await refresh(client, held)).body.error, 'invalid_grant');
  assert.equal((await issue(client)).status, 200);
  assert.equal((await refresh(client, await signIn(client))).status, 200);
  recordDrill({
    name: 'restore-destroyed',
    shows: "The database's files are deleted, an empty one takes their place, and one command restores the backup into it",
    figures: {
      'rows restored and compared': json.rows,
      'tables equal by count and checksum, as loaded': json.tables,
      'tables equal still, when everything issued before was ended': alike,
      'client of before is served': 'yes',
      'refresh token of before': 'refused: nobody knows what was revoked since',
      'from the command to ready, s': seconds,
    },
  });
});
