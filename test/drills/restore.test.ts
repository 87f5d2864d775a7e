/** Drill: the database of a running instance is destroyed and comes back from its backup; nothing that was revoked comes back with it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { listDumpedTables, readContents } from '../../lib/store/backup-contents.ts';
import type { Sql } from '../../lib/store/database.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { blocksOf, findMissing, readCommand } from '../support/runbook-page.ts';
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
  return { status: response.status, body: (await response.json()) as Record<string, any> };
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
        const { words } = readCommand(line.replaceAll('BACKUP_ID', backup_id), page);
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

test('destroyed, the database comes back: every table by count and checksum, and clients and tokens of before go on', async () => {
  const client = await makeClient('survivor');
  const { access_token } = (await issue(client)).body;
  await withDatabase(
    (sql) => sql`
      insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at, refresh_hash)
      select gen_random_uuid(), 'c' || n % 100, gen_random_uuid(), gen_random_uuid(), 'openid', '{}', now(), '{pwd}', true, now(), now() + interval '30 days',
        sha256(n::text::bytea) from generate_series(1, ${rows}) as n`,
  );
  const manifest = await takeBackup();
  await withDatabase(async (sql) => {
    for (const table of (await listDumpedTables(sql as unknown as Sql)).filter((name) => name !== 'flyway_schema_history'))
      await sql`truncate ${sql(table)} cascade`;
  });
  assert.equal((await issue(client)).status, 401);

  const began = performance.now();
  const { json } = await must('restore', '--backup', manifest.backup_id, '--apply', '--reason', 'drill', '--json');
  const seconds = (performance.now() - began) / 1000;
  assert.equal(
    json.rows,
    manifest.tables.reduce((sum, table) => sum + table.rows, 0),
  );
  // What is written by the restore itself and by those who measure it.
  const changing = /^(audit_log|metric_|events$|event_relay$)/;
  const found = new Map((await contentsOf('oauth2')).map((table) => [table.name, table]));
  const compared = manifest.tables.filter(({ name }) => !changing.test(name));
  const alike = compared.filter(
    ({ name, rows: wanted, digest }) => found.get(name)?.rows === wanted && found.get(name)?.digest === digest,
  );
  recordDrill({
    name: 'restore',
    shows:
      'The database of a running instance is emptied and restored from its backup by one command, step by step and with a safety backup',
    figures: {
      'rows restored': json.rows,
      'tables equal by count and checksum': alike.length,
      'from the command to ready, s': Math.round(seconds * 10) / 10,
    },
  });
  assert.ok(
    alike.length >= compared.length - 3,
    compared
      .filter((one) => !alike.includes(one))
      .map(({ name }) => name)
      .join(),
  );
  assert.equal((await issue(client)).status, 200);
  assert.equal(typeof access_token, 'string');
});
