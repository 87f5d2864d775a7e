/** All of a transaction or none of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DatabaseUnavailable, openDatabase } from '../../lib/store/database.ts';
import { inTransaction } from '../../lib/store/transaction.ts';
import { addUser, openWorkbench, type Workbench } from '../ops/workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('what the work throws comes out as it is, and nothing of it stays', async () => {
  const reason = new Error('changed my mind');
  await assert.rejects(
    inTransaction(bench.migrator, 'test', async (transaction) => {
      await addUser(transaction, 'ghost');
      throw reason;
    }),
    reason,
  );
  assert.equal((await bench.migrator.sql`select from users where username = 'ghost'`).length, 0);
});

test('a database that is away is DatabaseUnavailable at its begin too', async () => {
  const away = openDatabase({ host: '127.0.0.1', port: 1, database: 'x', user: 'x', tls: false, prepare: true, connections: 1 });
  await assert.rejects(
    inTransaction(away, 'test', async () => 1),
    DatabaseUnavailable,
  );
  await away.end();
});
