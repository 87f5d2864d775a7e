/** State machines on this machine, as the SDK sees them: order, data, choices, retries, catches, and what a stop leaves. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Outcome } from '../../lib/local/sandbox.ts';
import type { Definition } from '../../lib/local/state-machine.ts';
import { openStepFunctions, type StepFunctions } from '../../lib/local/step-functions.ts';

const folder = mkdtempSync(join(tmpdir(), 'oauth2-machines-'));
const opened: StepFunctions[] = [];
after(async () => {
  for (const one of opened) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

type Call = readonly [name: string, payload: Record<string, unknown>];
type Answer = (payload: Record<string, unknown>, call: number) => unknown;

const arn = 'arn:aws:states:us-east-1:000000000000:stateMachine:restore';
const lambda = (name: string, payload: object, more: object) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: name, Payload: payload },
  ...more,
});

async function open(
  definition: Definition,
  answers: Readonly<Record<string, Answer>>,
  file = join(folder, `${opened.length}.json`),
) {
  const calls: Call[] = [];
  const said: string[] = [];
  const invoke = async (name: string, text: string): Promise<Outcome> => {
    const payload = JSON.parse(text) as Record<string, unknown>;
    calls.push([name, payload]);
    try {
      const answer = await answers[name]?.(payload, calls.filter(([one]) => one === name).length);
      return { verdict: 'answered', payload: JSON.stringify(answer ?? null), tail: () => '' };
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error;
      return { verdict: 'failed', payload: JSON.stringify({ errorType, errorMessage }), tail: () => '' };
    }
  };
  const functions = { invoke, find: (name: string) => (name in answers ? ({ name } as never) : undefined) };
  const machines = await openStepFunctions({ file, functions, say: (line) => said.push(line) });
  machines.declare([{ name: 'restore', arn, definition }]);
  opened.push(machines);
  const client = new SFNClient({
    endpoint: machines.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const start = async (input: object, name?: string) => {
    const started = await client.send(
      new StartExecutionCommand({ stateMachineArn: arn, input: JSON.stringify(input), ...(name && { name }) }),
    );
    return started.executionArn ?? '';
  };
  const describe = (executionArn: string) => client.send(new DescribeExecutionCommand({ executionArn }));
  const finish = async (executionArn: string): Promise<DescribeExecutionCommandOutput> => {
    for (;;) {
      const found = await describe(executionArn);
      if (found.status !== 'RUNNING') return found;
      await pause(5);
    }
  };
  return { machines, client, calls, said, start, describe, finish };
}

test('states follow each other, and what they answer goes where their paths say', async () => {
  const definition: Definition = {
    StartAt: 'prepare',
    States: {
      prepare: lambda(
        'prepare',
        { 'backup.$': '$.backup', 'run.$': '$$.Execution.Name', 'text.$': "States.Format('{} of {}', $.backup, $.stage)" },
        {
          ResultSelector: { 'made.$': '$.Payload.database' },
          ResultPath: '$.prepared',
          Next: 'pass',
        },
      ),
      pass: { Type: 'Pass', Parameters: { 'name.$': '$.prepared.made', fixed: 1 }, ResultPath: '$.copied', Next: 'done' },
      done: { Type: 'Succeed' },
    },
  };
  const { calls, start, finish, client } = await open(definition, { prepare: () => ({ database: 'beside' }) });
  const executionArn = await start({ backup: 'b1', stage: 'local' }, 'one');
  const { status, output } = await finish(executionArn);
  assert.equal(status, 'SUCCEEDED');
  assert.deepEqual(calls, [['prepare', { backup: 'b1', run: 'one', text: 'b1 of local' }]]);
  assert.deepEqual(JSON.parse(output ?? ''), {
    backup: 'b1',
    stage: 'local',
    prepared: { made: 'beside' },
    copied: { name: 'beside', fixed: 1 },
  });
  const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
  const entered = events.flatMap(({ stateEnteredEventDetails: details }) => (details?.name ? [details.name] : []));
  assert.deepEqual(entered, ['prepare', 'pass', 'done']);
  assert.equal(events.at(-1)?.type, 'ExecutionSucceeded');
});

test('a choice takes the first rule that holds, or its default', async () => {
  const definition: Definition = {
    StartAt: 'choose',
    States: {
      choose: {
        Type: 'Choice',
        Choices: [
          {
            And: [{ Variable: '$.to_time', IsPresent: true }, { Not: { Variable: '$.kind', StringEquals: 'drill' } }],
            Next: 'recover',
          },
          { Variable: '$.rows', NumericGreaterThan: 5, Next: 'many' },
        ],
        Default: 'few',
      },
      recover: { Type: 'Pass', Result: 'recover', End: true },
      many: { Type: 'Pass', Result: 'many', End: true },
      few: { Type: 'Pass', Result: 'few', End: true },
    },
  };
  const { start, finish } = await open(definition, {});
  const chosen = async (input: object) => JSON.parse((await finish(await start(input))).output ?? '') as string;
  assert.equal(await chosen({ to_time: 'now', kind: 'real', rows: 1 }), 'recover');
  assert.equal(await chosen({ to_time: 'now', kind: 'drill', rows: 9 }), 'many');
  assert.equal(await chosen({ rows: 5 }), 'few');
});

test('what fails is tried again as its retrier says, then caught with its error and cause', async () => {
  const definition: Definition = {
    StartAt: 'shaky',
    States: {
      shaky: lambda(
        'shaky',
        {},
        {
          Retry: [{ ErrorEquals: ['Busy'], MaxAttempts: 2, IntervalSeconds: 0.01, BackoffRate: 1 }],
          Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'back' }],
          End: true,
        },
      ),
      back: lambda('back', { 'why.$': '$.failure.Error' }, { ResultPath: null, Next: 'failed' }),
      failed: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
    },
  };
  const busy = Object.assign(new Error('later'), { name: 'Busy' });
  const broken = Object.assign(new Error('no such table'), { name: 'Broken' });
  const { calls, said, start, finish } = await open(definition, {
    shaky: (_, call) => {
      throw call < 3 ? busy : broken;
    },
    back: () => ({}),
  });
  const { status, error, cause } = await finish(await start({}));
  assert.deepEqual([status, error], ['FAILED', 'Broken']);
  assert.match(cause ?? '', /no such table/);
  assert.deepEqual(
    calls.map(([name]) => name),
    ['shaky', 'shaky', 'shaky', 'back'],
  );
  assert.deepEqual(calls.at(-1)?.[1], { why: 'Broken' });
  assert.match(said.join(), /restore failed: Broken/);
});

test('an execution of the same name and input is the same one while it runs; another input or one that ended is refused', async () => {
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  const definition: Definition = { StartAt: 'hold', States: { hold: lambda('hold', {}, { End: true }) } };
  const { calls, start, finish, client } = await open(definition, { hold: () => held });
  const first = await start({ a: 1 }, 'same');
  assert.equal(await start({ a: 1 }, 'same'), first);
  await assert.rejects(start({ a: 2 }, 'same'), { name: 'ExecutionAlreadyExists' });
  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn: arn, statusFilter: 'RUNNING' }));
  assert.deepEqual(
    executions.map(({ name }) => name),
    ['same'],
  );
  release();
  await finish(first);
  await assert.rejects(start({ a: 1 }, 'same'), { name: 'ExecutionAlreadyExists' });
  assert.equal(calls.length, 1);
});

test('a machine that is stopped ends where it is, and one that a stop of the runtime cut off is aborted at the next start', async () => {
  const definition: Definition = {
    StartAt: 'wait',
    States: { wait: { Type: 'Wait', Seconds: 600, Next: 'after' }, after: lambda('after', {}, { End: true }) },
  };
  const file = join(folder, 'kept.json');
  const { calls, start, finish, client } = await open(definition, { after: () => ({}) }, file);
  const stopped = await start({});
  await client.send(new StopExecutionCommand({ executionArn: stopped }));
  assert.equal((await finish(stopped)).status, 'ABORTED');
  const cutOff = await start({}, 'cut-off');
  const again = await open(definition, { after: () => ({}) }, file);
  assert.equal((await again.describe(cutOff)).status, 'ABORTED');
  assert.equal(calls.length, 0);
});

test('what this machine does not understand fails with a line that says so, and unknown machines are refused', async () => {
  const definition: Definition = {
    StartAt: 'rds',
    States: { rds: { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:rds:describeDBInstances', Parameters: {}, End: true } },
  };
  const { start, finish, client } = await open(definition, {});
  const { status, cause } = await finish(await start({}));
  assert.equal(status, 'FAILED');
  assert.match(cause ?? '', /aws-sdk:rds:describeDBInstances is not answered on this machine/);
  await assert.rejects(client.send(new StartExecutionCommand({ stateMachineArn: `${arn}-other` })), {
    name: 'StateMachineDoesNotExist',
  });
});
