/** What restores have kept is removed on command, and nothing else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { discardRestored } from '../../lib/ops/discard-restored.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { noteUnsaved } from '../../lib/ops/swap-databases.ts';
import { renameDatabase } from '../../lib/store/databases.ts';
import { openRestoreBench, type RestoreBench } from '../support/restores.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

const run = (order: object) => runProcedure(discardRestored, bench.tools, { input: {}, actor: 'test', ...order });

test('the plan names what would be dropped; applied it is dropped, the one that serves is not, and once more there is nothing', async () => {
  const { fresh, former, live } = await bench.copy('one');
  await renameDatabase(bench.open('postgres'), fresh, former);
  const { plan } = await run({});
  assert.deepEqual(plan.steps, [`drop ${former}, which served before a restore`]);
  await noteUnsaved(bench.tools, former, "it's damaged");
  assert.deepEqual((await run({})).plan.steps, [
    `drop ${former}, which served before a restore: THE ONLY COPY, as no safety backup was taken of it: it's damaged`,
  ]);
  assert.deepEqual(await bench.databases(), [live, former]);
  const { error } = await run({ apply: true });
  assert.equal(error?.code, 'reason_missing');
  const { result } = await run({ apply: true, reason: 'well for a day' });
  assert.deepEqual(result, { dropped: [former] });
  assert.deepEqual(await bench.databases(), [live]);
  assert.deepEqual((await run({ apply: true, reason: 'again' })).result, { dropped: [] });
});
