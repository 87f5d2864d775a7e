/** Drill: the data of a running instance is lost, in three ways, and comes back; nothing that was revoked comes back with it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileOf } from '../../lib/local/bucket-folder.ts';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { listDumpedTables } from '../../lib/store/backup-contents.ts';
import type { Sql } from '../../lib/store/database.ts';
import type { Deployment } from '../support/deployment.ts';
import { followPage } from './follow-page.ts';
import { recordDrill } from './record.ts';
import {
  changing,
  compare,
  contentsOf,
  introspect,
  issue,
  must,
  operate,
  populate,
  post,
  refresh,
  restoreIt,
  signIn,
  startInstance,
  sumOf,
  takeBackup,
  withDatabase,
} from './restore-instance.ts';

let deployment: Deployment;
let folder: string;
before(async () => {
  ({ deployment, folder } = await startInstance());
});
after(() => deployment.stop());

/** Lets the relay write the trail, however often its schedule holds the lease at that moment. */
async function keepTrail({ operate: call }: Deployment): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { relayed_here, trail_fault } = await call<{ relayed_here: boolean; trail_fault: string | null }>('relay-events', {});
    assert.equal(trail_fault, null);
    if (relayed_here) return;
  }
  assert.fail('the relay never got its lease');
}

test('a damaged backup is refused before anything is changed: it never comes to maintenance mode', async () => {
  const manifest = await takeBackup();
  const key = `${manifest.taken_at.slice(0, 10).replaceAll('-', '/')}/${manifest.backup_id}.dump`;
  const found = readdirSync(join(folder, 'buckets'), { recursive: true, encoding: 'utf8' }).find((one) =>
    one.endsWith(`objects/${fileOf(key)}`),
  );
  const path = join(folder, 'buckets', found ?? assert.fail('the dump is nowhere'));
  const bytes = readFileSync(path);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const refused = await operate('restore', '--backup', manifest.backup_id, '--apply', '--reason', 'drill');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /nothing was restored, and nothing was changed: .*is not what was written: sha256 is .*not_begun/);
  const entries = await withDatabase((sql) => sql`select 1 from audit_log where procedure = 'maintenance'`);
  assert.deepEqual([...entries], []);
});

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

test('destroyed with its files, the database comes back: every table by count and checksum, a client and a refresh token of before go on, by the trail of events', async () => {
  await keepTrail(deployment);
  const { client, held, revoked } = await populate('destroyed');
  const { access_token } = (await issue(client)).body;
  const manifest = await takeBackup();
  assert.equal((await post('/oauth/revoke', client, { token: revoked })).status, 200);
  // What runs every minute by itself.
  await keepTrail(deployment);
  await deployment.runtime?.restart(() => rmSync(join(folder, 'postgres'), { recursive: true }));
  assert.equal((await issue(client)).status, 401);

  const began = performance.now();
  const printed = await followPage('lost-database', { BACKUP_ID: manifest.backup_id });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const numberOf = (fact: string) => Number(new RegExp(`^${fact} +(\\d+)$`, 'm').exec(printed)?.[1]);
  assert.equal(numberOf('rows, all as in the manifest'), sumOf(manifest));
  const alike = await compare(manifest, ['token_families', 'access_tokens', 'clients']);
  assert.equal(await introspect(client, access_token), true);
  assert.equal((await issue(client)).status, 200);
  assert.equal((await refresh(client, held)).status, 200);
  assert.equal((await refresh(client, revoked)).body.error, 'invalid_grant');
  assert.equal((await refresh(client, await signIn(client))).status, 200);
  recordDrill({
    name: 'restore-destroyed',
    shows:
      "The database's files are deleted, an empty one takes their place, and the page lost-database, as written, restores the backup into it; the trail of events outside of it tells what was revoked since",
    figures: {
      'rows restored and compared': sumOf(manifest),
      'tables equal by count and checksum, as loaded': numberOf('tables'),
      'tables equal still, when what was revoked since was replayed from the trail': alike,
      'client of before is served': 'yes',
      'refresh token of before, and one that was revoked since': 'refreshed, and refused',
      'commands of the page together, s': seconds,
    },
  });
});
