/** Lists of clients, page by page. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { listClients } from '../../lib/ops/list-clients.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('pages follow each other without gap or repetition, and never hold a digest', async () => {
  const tools = { db: bench.operator, ...clock };
  assert.deepEqual((await runProcedure(listClients, tools, {})).result?.clients.length, 0);
  for (let index = 0; index < 7; index++) {
    const input = { client_name: `client ${index}`, grant_types: ['client_credentials'] };
    await runProcedure(createClient, tools, { input, apply: true, reason: 'a test' });
  }
  const names: string[] = [];
  let after: string | undefined;
  do {
    const { result } = await runProcedure(listClients, tools, { input: { limit: 3, ...(after && { after }) } });
    names.push(...(result?.clients ?? []).map(({ client_name }) => client_name));
    after = result?.next_after;
    assert.doesNotMatch(JSON.stringify(result), /hash|secret_h/);
  } while (after !== undefined);
  assert.deepEqual(
    names.toSorted(),
    Array.from({ length: 7 }, (_, index) => `client ${index}`),
  );
});
