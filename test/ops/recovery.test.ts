/** A database that goes away and comes back, as procedures see it. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { listClients } from '../../lib/ops/list-clients.ts';
import { migrate } from '../../lib/ops/migrate.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const endConnections = () =>
  bench.migrator.sql`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'oauth2_operator'`;

test('a connection that was ended in the middle of a change leaves nothing half done, and the next run works without a restart', async () => {
  await bench.migrator.sql`grant oauth2_operator to oauth2_migrator`;
  const tools = { db: bench.operator, ...clock };
  const cut: typeof createClient = {
    ...createClient,
    apply: async (with_, input, client) => {
      const result = await createClient.apply(with_, input, client);
      await endConnections();
      return result;
    },
  };
  const input = { client_name: 'cut off', grant_types: ['client_credentials'] };
  const order = { input, apply: true, actor: 'kim', reason: 'a test' };
  const answer = await runProcedure(cut, tools, order);
  assert.equal(answer.outcome, 'failed');
  assert.equal(answer.error?.code, 'temporarily_unavailable');
  assert.equal(answer.result, undefined);
  assert.equal((await bench.migrator.sql`select from clients`).length, 0);
  assert.equal((await runProcedure(createClient, tools, order)).outcome, 'succeeded');
  assert.equal((await runProcedure(listClients, tools, {})).result?.clients.length, 1);
});

test('a connection that the database ended while nobody looked costs one retryable answer at most, and never a wait', async () => {
  const tools = { db: bench.operator, ...clock };
  for (let round = 0; round < 10; round++) {
    await endConnections();
    const started = performance.now();
    const answers = [await runProcedure(listClients, tools, {}), await runProcedure(listClients, tools, {})];
    // The deadline of a statement is 5 seconds.
    assert.ok(performance.now() - started < 3000, 'it waited for a connection that is gone');
    assert.equal(answers[1]?.outcome, 'succeeded');
    if (answers[0]?.outcome === 'failed') assert.equal(answers[0].error?.code, 'temporarily_unavailable');
  }
});

test('a migrator whose connection ends in the middle of a file answers, and its next run applies the file', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'oauth2-migrations-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(join(import.meta.dirname, '../../migrations'), directory, { recursive: true });
  const suicide = 'create table late (id integer); select pg_terminate_backend(pg_backend_pid())';
  writeFileSync(join(directory, 'V9001__late.sql'), suicide);
  const tools = { db: bench.migrator, directory, ...clock };
  const { outcome } = await runProcedure(migrate, tools, { apply: true });
  assert.equal(outcome, 'failed');
  writeFileSync(join(directory, 'V9001__late.sql'), 'create table late (id integer)');
  const again = await runProcedure(migrate, tools, { apply: true });
  assert.deepEqual([again.error, again.result?.applied], [undefined, ['V9001__late.sql']]);
});
