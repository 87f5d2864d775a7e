/** Lists of accounts, page by page. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listUsers } from '../../lib/ops/list-users.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { addUser, clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('pages follow each other without gap or repetition, and never hold a password hash', async () => {
  const tools = { db: bench.operator, ...clock };
  const made = new Set<string>();
  for (let index = 0; index < 5; index++) made.add(await addUser(bench.migrator, `user-${index}`));
  const first = await runProcedure(listUsers, tools, { input: { limit: 4 } });
  const second = await runProcedure(listUsers, tools, { input: { limit: 4, after: first.result?.next_after } });
  const listed = [...(first.result?.users ?? []), ...(second.result?.users ?? [])];
  assert.deepEqual(new Set(listed.map(({ subject }) => subject)), made);
  assert.equal(listed.length, 5);
  assert.equal(second.result?.next_after, undefined);
  assert.doesNotMatch(JSON.stringify(listed), /password_hash|none/);
});

test('a place to go on that is no subject is refused', async () => {
  const { error } = await runProcedure(listUsers, { db: bench.operator, ...clock }, { input: { after: "' or 1=1" } });
  assert.equal(error?.code, 'invalid_input');
});
