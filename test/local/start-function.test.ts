/** Functions that nobody waits for, and where their results go. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createFunctions } from '../../lib/local/functions.ts';
import { createStarter } from '../../lib/local/start-function.ts';
import { makeFolder, makeFunction } from './fixture.ts';

/** Functions `first` and `second`, and what the second one or a message says. */
async function run(t: TestContext, first: string): Promise<{ heard: string; said: string }> {
  const folder = makeFolder(t);
  const echo = 'export const handler = async (event) => { console.log(JSON.stringify(event)); };';
  const specs = [makeFunction(folder, 'first', first), makeFunction(folder, 'second', echo)];
  return new Promise((tell) => {
    const output = (name: string, lines: string) => name === 'second' && tell({ heard: lines, said: '' });
    const functions = createFunctions({ specs, environment: {}, output, notice: () => {} });
    t.after(() => functions.stop());
    const start = createStarter(
      functions,
      () => new Map([['first', 'second']]),
      (said) => tell({ heard: '', said }),
    );
    start('first:live', '{"n":1}', 'schedule task');
  });
}

test('the destination gets what was asked and what was answered, as Lambda sends it', async (t) => {
  const { heard } = await run(t, 'export const handler = async ({ n }) => ({ n: n + 1 });');
  const event = JSON.parse(heard);
  assert.deepEqual([event.version, event.requestContext.condition], ['1.0', 'Success']);
  assert.deepEqual([event.requestPayload, event.responsePayload], [{ n: 1 }, { n: 2 }]);
  assert.equal(event.requestContext.functionArn, 'arn:aws:lambda:us-east-1:000000000000:function:first:live');
});

test('what failed goes nowhere, and is said', async (t) => {
  const { said } = await run(t, 'export const handler = async () => { throw new Error("broken"); };');
  assert.match(said, /^schedule task failed: .*broken/);
});
