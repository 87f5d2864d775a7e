/** The plan of a statement that the statistics know: by its id, without carrying it out, and whether it reads a table from end to end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Explained, explainStatement } from '../../lib/ops/explain-statement.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const explain = (query_id: string) => runProcedure(explainStatement, { db: bench.migrator, ...clock }, { input: { query_id } });

/** Id of the statement that the statistics have with these words. */
async function idOf(words: string): Promise<string> {
  const [row] = await bench.connect('postgres').sql<{ id: string }[]>`
    select queryid::text as id from pg_stat_statements
    where query like ${`%${words}%`} and query not like '%pg_stat_statements%' and dbid = (select oid from pg_database where datname = current_database())`;
  return row?.id ?? assert.fail(`the statistics do not know "${words}"`);
}

test('a statement with parameters is explained as it is, by the rights of the owner, and nothing is carried out', async () => {
  await bench.migrator
    .sql`update users set email = ${'x@example.com'} where subject = ${'7c9e6679-7425-40de-944b-e07fc1f90ae7'}::uuid`;
  const { result } = await explain(await idOf('update users set email'));
  const { statement, plan, scans } = result as Explained;
  assert.match(statement, /update users set email = \$1 where subject = \$2/);
  assert.match(plan.join('\n'), /Update on users .*\n.*Index Scan using users_pkey/);
  assert.equal(scans, false);
});

test('a table that is read from end to end is pointed out, with what mends it', async () => {
  await bench.operator.sql`select count(*) from clients where metadata @> ${'{}'}::text::jsonb`;
  const { result, next } = await explain(await idOf('from clients where metadata @>'));
  assert.equal((result as Explained).scans, true);
  assert.match(String(next), /added by a migration/);
});

test('an id that is not there, or no id, and a statement that has no plan are refused', async () => {
  assert.match(String((await explain('17')).error?.message), /there is no statement 17: oauth2ctl database-report/);
  assert.match(String((await explain('x')).error?.message), /allowed: the id of a statement/);
  await bench.migrator.sql.unsafe('vacuum throttles');
  const id = await idOf('vacuum throttles');
  assert.match(String((await explain(id)).error?.message), /Postgres has no plan for this kind of statement/);
});
