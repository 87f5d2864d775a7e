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

test('pages follow each other without gap or repetition, though many were blocked in one moment', async () => {
  await bench.migrator.sql`delete from blocks`;
  await bench.migrator.sql`
    insert into blocks (kind, target, blocked_at, reason)
    select 'address', '203.0.113.' || n || '/32', '2026-05-10T12:00:00Z'::timestamptz + make_interval(secs => n / 10), 'many'
    from generate_series(1, 50) as n`;
  const tools = { db: bench.operator, ...clock };
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const { result, error } = await runProcedure(listBlocks, tools, { input: { limit: 7, ...(after && { after }) } });
    assert.equal(error, undefined);
    seen.push(...(result?.blocks ?? []).map(({ target }) => target));
    after = result?.next_after;
  } while (after !== undefined);
  assert.equal(new Set(seen).size, 50);
  assert.equal(seen.length, 50);
  const { error } = await runProcedure(listBlocks, tools, { input: { after: 'x' } });
  assert.match(String(error?.message), /after is "x"; allowed: `next_after` of the page before/);
});
