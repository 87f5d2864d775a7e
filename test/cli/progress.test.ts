/** Long procedures show how far they have come, beside their result and to people alone. With a real one: test/drills/backup.test.ts. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { runInTool } from '../../lib/cli/run-tool-procedure.ts';
import { whileWatching } from '../../lib/observe/progress.ts';
import { openStage, type TestStage } from './stage.ts';

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());
afterEach(() => stage.logs.clear());

let count = 0;
/** Puts a line into the log of a function, as its sandbox writes it. */
function say(name: string, fields: object): void {
  const group = `/aws/lambda/oauth2-local-${name}`;
  const event = { id: String(count++), timestamp: Date.now(), stream: 's', message: `${JSON.stringify(fields)}\n` };
  stage.logs.set(group, [...(stage.logs.get(group) ?? []), event]);
}
const progress = (run: string, detail: string) => ({ level: 'info', message: 'progress', run, detail });

/** Watches the run `mine` of a backup while the work takes. @returns what was told, without its time */
async function watch(
  work: (told: (wanted: number) => Promise<void>) => Promise<unknown>,
  environment: object,
): Promise<string[]> {
  const lines: string[] = [];
  let look = () => {};
  const tell = (line: string) => {
    lines.push(line.replace(/^\d\d:\d\d:\d\d {2}/, '').trim());
    look();
  };
  const told = (wanted: number) =>
    new Promise<void>((done) => {
      look = () => lines.length >= wanted && done();
      look();
    });
  const order = { input: {}, apply: true };
  await runInTool(
    'local',
    async (context) => {
      await whileWatching(context, { functions: ['backup'], run: 'mine', tell }, () => work(told));
      return { outcome: 'succeeded', plan: { steps: [] } };
    },
    order,
    { OAUTH2_DATA_DIR: stage.folder, ...environment },
    { print: () => {}, json: false, signal: undefined },
  );
  return lines;
}

test('each line of the run is shown once, as it comes; those of other runs, and other lines, are not', async () => {
  const lines = await watch(async (told) => {
    say('backup', progress('mine', '1.0 MiB dumped'));
    await told(1);
    say('backup', progress('other', '9.0 MiB dumped'));
    say('backup', { level: 'info', message: 'procedure', run: 'mine', detail: 'done' });
    say('backup', progress('mine', '2.0 MiB dumped'));
    await told(2);
  }, {});
  assert.deepEqual(lines, ['1.0 MiB dumped', '2.0 MiB dumped']);
});

test('where the logs cannot be read, that is said once, and the work goes on', async () => {
  let worked = false;
  const lines = await watch(
    async (told) => {
      await told(1);
      worked = true;
    },
    { OAUTH2_DATA_DIR: '/nowhere' },
  );
  assert.equal(worked, true);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^\(progress cannot be shown: nothing runs on \/nowhere/);
});

test('a procedure tells nothing that nobody waits for, and not more than a line a second', async () => {
  const { log: _log, tellProgress, watchRun } = await import('../../lib/telemetry.ts');
  const { output } = stage.bench;
  output.clear();
  watchRun(undefined);
  tellProgress(() => assert.fail('nobody waits'));
  watchRun('somebody');
  for (const detail of ['first', 'second']) tellProgress(() => detail);
  watchRun(undefined);
  const lines = output
    .text()
    .split('\n')
    .filter((line) => line.includes('"progress"'));
  assert.deepEqual(
    lines.map((text) => JSON.parse(text)).map(({ run, detail }) => [run, detail]),
    [['somebody', 'first']],
  );
});
