/** The tests' own database: each asker gets a migrated copy that nobody else sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import postgres from 'postgres';
import { testDatabase } from '../support/postgres.ts';

test('two askers get databases that do not see each other', async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
  const mine = postgres(one.url);
  const theirs = postgres(two.url);
  try {
    await mine`create table only_here (id int)`;
    const [row] = await theirs`select to_regclass('only_here') as found`;
    assert.equal(row?.found, null);
  } finally {
    await Promise.all([mine.end(), theirs.end()]);
    await Promise.all([one.drop(), two.drop()]);
  }
});

test('statements are counted at the server', async () => {
  const database = await testDatabase();
  const sql = postgres(database.url, { max: 1 });
  try {
    await sql`select 41 + 1 as counted_here`;
    const [row] =
      await sql`select calls from pg_stat_statements where query like '%counted_here%' and query not like '%pg_stat%'`;
    assert.equal(Number(row?.calls), 1);
  } finally {
    await sql.end();
    await database.drop();
  }
});
