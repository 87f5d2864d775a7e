/** Drill: the database of a running instance is backed up while it is written to; what the pages say is done as it stands there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { readContents } from '../../lib/store/backup-contents.ts';
import type { Sql } from '../../lib/store/database.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { followPage } from './follow-page.ts';
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

const operate = (...words: string[]): Promise<ToolRun> => runInProcess(words, { OAUTH2_DATA_DIR: folder });

async function withDatabase<T>(work: (sql: postgres.Sql) => Promise<T>, database?: string): Promise<T> {
  const sql = postgres(url(database), { max: 1, fetch_types: false, onnotice: () => {} });
  return work(sql).finally(() => sql.end());
}

/** The bucket as files: their contents by key. */
function readBucket(): Map<string, Buffer> {
  const bucket = join(folder, 'buckets/oauth2-local-backups-000000000000-us-east-1/objects');
  return new Map(readdirSync(bucket).map((name) => [decodeURIComponent(name), readFileSync(join(bucket, name))]));
}

const rows = 200_000;

test('a backup under writes is one moment: restored, every table has the rows and the digest that the manifest says', async () => {
  await withDatabase(
    (sql) => sql`
    insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at, refresh_hash)
    select gen_random_uuid(), 'c' || n % 100, gen_random_uuid(), gen_random_uuid(), 'openid', '{}', now(), '{pwd}', true, now(), now() + interval '30 days',
      sha256(n::text::bytea) from generate_series(1, ${rows}) as n`,
  );
  let writing = true;
  const writes = withDatabase(async (sql) => {
    const families = await sql<{ family_id: string }[]>`select family_id from token_families limit 1000`;
    for (let count = 0; ; count++) {
      if (!writing) return count;
      const family_id = families[count % families.length]?.family_id ?? '';
      await sql`insert into audit_log (actor, procedure, outcome) values ('load', ${`write ${count}`}, 'succeeded')`;
      await sql`update token_families set generation = generation + 1 where family_id = ${family_id}`;
    }
  });
  const { code, stdout, stderr } = await operate('backup', '--apply', '--reason', 'drill', '--json');
  writing = false;
  assert.equal(code, 0, stderr);
  assert.ok((await writes) > 0);
  const manifest = JSON.parse(stdout) as BackupManifest;
  assert.equal(manifest.tables.find(({ name }) => name === 'token_families')?.rows, rows);

  const bucket = readBucket();
  const [key = ''] = [...bucket.keys()].filter((one) => one.endsWith(`${manifest.backup_id}.dump`));
  assert.match(key, /^\d{4}\/\d{2}\/\d{2}\/oauth2-\d{8}T\d{6}Z\.dump$/);
  const dump = bucket.get(key) as Buffer;
  assert.deepEqual([dump.length, createHash('sha256').update(dump).digest('hex')], [manifest.bytes, manifest.sha256]);
  const written = JSON.parse(String(bucket.get(key.replace(/dump$/, 'json')))) as BackupManifest;
  const { rows: _sum, ...shown } = JSON.parse(stdout);
  assert.deepEqual(shown, written);

  await withDatabase((sql) => sql`create database restored owner oauth2_migrator`, 'postgres');
  const program = join(process.env.OAUTH2_POSTGRES_PROGRAMS ?? '', 'pg_restore');
  const began = performance.now();
  const restoring = promisify(execFile)(program, [
    '--no-owner',
    '--role=oauth2_migrator',
    '--exit-on-error',
    `--dbname=${url('restored')}`,
  ]);
  restoring.child.stdin?.end(dump);
  await restoring;
  const restored = (performance.now() - began) / 1000;
  const found = await withDatabase((sql) => sql.begin((transaction) => readContents(transaction as unknown as Sql)), 'restored');
  assert.deepEqual(found, written.tables);
  // Which a crash may empty, so may a restore.
  const left = await withDatabase((sql) => sql`select 1 from throttles`, 'restored');
  assert.equal(left.length, 0);
  recordDrill({
    name: 'backup',
    shows:
      'A backup while the database is written to: streamed into the bucket, read back, restored, and every table equal by count and digest',
    figures: {
      'rows in the dump': written.tables.reduce((sum, table) => sum + table.rows, 0),
      'tables compared': found.length,
      'size of the dump, MiB': Math.round((manifest.bytes / 1024 / 1024) * 10) / 10,
      'dump, upload and read back, s': Math.round(manifest.seconds * 10) / 10,
      'pg_restore, s': Math.round(restored * 10) / 10,
    },
  });
});

test('while it takes, it shows how far it has come, beside the result', async () => {
  const { code, stdout, stderr } = await operate('backup', '--apply', '--reason', 'progress');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^\d\d:\d\d:\d\d {2}([\d.]+ MiB (dumped|read back)|\w+ is summed up, \d+ of \d+ tables)$/m);
  assert.doesNotMatch(stdout, /summed up|dumped/);
});

test('what was done is in the audit log, in the metrics and in the state of the stage', async () => {
  const [row] = await withDatabase(
    (sql) =>
      sql`select reason, outcome, detail from audit_log where procedure = 'backup' and reason = 'drill' order by audit_id desc limit 1`,
  );
  assert.deepEqual([row?.reason, row?.outcome], ['drill', 'succeeded']);
  assert.match(row?.detail, /^oauth2-\d{8}T\d{6}Z \(manual\), \d+ bytes in [\d.]+ s, \d+ tables, read back$/);
  const { json } = await operate('status', '--detailed', '--json');
  const last = json.details.find(({ what }: { what: string }) => what === 'last verified backup');
  assert.match(last.value, /^\d min ago$/);
  assert.match(last.note, /^oauth2-\d{8}T\d{6}Z$/);
});

test('the page backup runs as written, and each command says what the page says', async () => {
  const printed = await followPage('backup', {}, operate);
  const [, id = ''] = /^Backup successful: (oauth2-\S+)$/m.exec(printed) ?? [];
  assert.match(printed, new RegExp(`TABLE +ROWS +DIGEST\\n(.*\\n)*token_families +${rows} `));
  assert.match(printed, new RegExp(`backup +${id}\\n(.*\\n)*sha256 +[0-9a-f]{64}, as it was written`));
  assert.match(printed, new RegExp(`^${id} +manual`, 'm'));
});

test('the pages list-backups and verify-backup run as written', async () => {
  const { json: before } = await operate('list-backups', '--json');
  const id = before.backups.at(-1).backup_id as string;
  for (const page of ['list-backups', 'verify-backup']) await followPage(page, { BACKUP_ID: id }, operate);
});

test('a monthly one by hand is tagged for the archive', async () => {
  const { json } = await operate('backup', '--kind', 'monthly', '--apply', '--reason', 'a year ends', '--json');
  const about = join(folder, 'buckets/oauth2-local-backups-000000000000-us-east-1/about');
  const tags = readdirSync(about)
    .filter((name) => name.includes(json.backup_id))
    .map((name) => JSON.parse(readFileSync(join(about, name), 'utf8')).tags);
  assert.deepEqual(
    tags.toSorted((a, b) => a.content.localeCompare(b.content)),
    [
      { kind: 'monthly', content: 'dump' },
      { kind: 'monthly', content: 'manifest' },
    ],
  );
});
