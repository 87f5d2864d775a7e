/** The embedded Postgres as it was at an instant: beside the one that serves, which goes on. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import postgres from 'postgres';
import { startDatabase } from '../../lib/local/database.ts';
import { openPointInTime } from '../../lib/local/point-in-time.ts';
import { makeFolder } from './fixture.ts';

async function open(t: TestContext) {
  const folder = makeFolder(t);
  const database = await startDatabase({ folder });
  const sql = postgres(database.url(), { max: 1, onnotice: () => {} });
  const points = openPointInTime({ folder, url: () => database.url() });
  t.after(async () => {
    await points.close();
    await sql.end();
    await database.stop();
  });
  await sql`create table things (name text primary key)`;
  return { folder, sql, points };
}

async function namesAt(port: number): Promise<string[]> {
  const sql = postgres(`postgres://postgres@127.0.0.1:${port}/oauth2`, { max: 1 });
  return sql<{ name: string }[]>`select name from things order by name`
    .then((rows) => rows.map(({ name }) => name))
    .finally(() => sql.end());
}

test('it has what was committed by then and nothing that came later, takes writes, and leaves the one that serves alone', async (t) => {
  const { folder, sql, points } = await open(t);
  await sql`insert into things values ('before the copy')`;
  assert.equal(points.findEarliest(), undefined);
  await points.prepare();
  await sql`insert into things values ('after it')`;
  // An instant of whole milliseconds that lies between the two.
  const now = new Date(Date.now() + 2);
  await sql`select pg_sleep_until(${new Date(now.getTime() + 2)})`;
  await sql`delete from things`;
  await sql`insert into things values ('later')`;
  assert.ok((points.findEarliest() ?? now) < now);

  const server = await points.rewind('one', now);
  assert.deepEqual(await namesAt(server.port), ['after it', 'before the copy']);
  const beside = postgres(`postgres://postgres@127.0.0.1:${server.port}/oauth2`, { max: 1 });
  await beside`insert into things values ('written there')`;
  await beside.end();
  assert.deepEqual(
    (await sql`select name from things`).map(({ name }) => name),
    ['later'],
  );

  await points.remove('one');
  await assert.rejects(namesAt(server.port));
  assert.ok(!existsSync(join(folder, 'rewound/one')));
});

test('an instant at which nothing has happened since is one, too; a copy is kept for as long as the log reaches back to it', async (t) => {
  const { folder, sql, points } = await open(t);
  await points.prepare();
  await sql`insert into things values ('last')`;
  const server = await points.rewind('now', new Date());
  assert.deepEqual(await namesAt(server.port), ['last']);

  const earliest = points.findEarliest();
  await points.prepare();
  assert.deepEqual(points.findEarliest(), earliest);
  const note = join(folder, 'base/base.json');
  writeFileSync(note, JSON.stringify({ ...JSON.parse(readFileSync(note, 'utf8')), first_log: '000000010000000000000000' }));
  assert.equal(points.findEarliest(), undefined);
  await assert.rejects(points.rewind('gone', new Date()), /no copy/);
  await points.prepare();
  assert.ok((points.findEarliest() ?? 0) > (earliest ?? 0));
});
