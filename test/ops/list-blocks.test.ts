/** The list of blocks. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { listBlocks } from '../../lib/ops/list-blocks.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { addUser, clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('says whom, since and until when, and why, with the name that people know', async () => {
  const subject = await addUser(bench.migrator, 'mallory');
  const tools = { db: bench.operator, ...clock };
  assert.deepEqual((await runProcedure(listBlocks, tools, {})).result, { blocks: [] });
  const order = { apply: true, reason: 'test', actor: 'kim' };
  await runProcedure(block, tools, { ...order, input: { username: 'mallory', why: 'stole a laptop' } });
  await runProcedure(block, tools, { ...order, input: { address: '203.0.113.9', seconds: 60, why: 'guesses' } });
  const { result } = await runProcedure(listBlocks, tools, {});
  assert.deepEqual(
    result?.blocks.map(({ kind, target, name, reason, expires_at }) => [kind, target, name, reason, expires_at !== null]),
    [
      ['address', '203.0.113.9/32', null, 'guesses', true],
      ['user', subject, 'mallory', 'stole a laptop', false],
    ],
  );
});
