/** The definition of the restore, run with a failure in each of its states: what serves is what served before, or nothing was touched at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StateFailure } from '../../lib/local/state-data.ts';
import { type Definition, runMachine } from '../../lib/local/state-machine.ts';
import { type Json, synthesise } from './templates.ts';

const templates = await synthesise('production');
const machine = templates.one('ops', 'AWS::StepFunctions::StateMachine');
const definition = JSON.parse(templates.text('ops', machine.properties.DefinitionString as Json)) as Definition;

interface Given {
  readonly step?: string;
  readonly kind?: string;
  readonly cause?: string;
  readonly safety?: unknown;
}

/** What a procedure answers, by what it is told. */
function answerOf({ step, kind, cause }: Given): object {
  if (step === 'go-without') return { step, unsaved: cause };
  if (step === 'look') return { ready: true, host: 'there', port: 5432, pause_seconds: 1 };
  return kind === undefined ? {} : { backup_id: 'oauth2-20260101T020000Z' };
}

interface Run {
  readonly states: readonly string[];
  readonly failure: string | undefined;
  readonly called: readonly string[];
  /** What the step finish is told of the safety backup. */
  readonly safety: unknown;
}

/** @param input of the execution @param fails the states whose function fails, however often it is called @param error its name */
async function run(input: object, fails: string | readonly string[] = [], error = 'Error'): Promise<Run> {
  const states: string[] = [];
  const called: string[] = [];
  let safety: unknown;
  const execution = {
    context: { Execution: { StartTime: '2026-01-01T00:00:00Z' } },
    signal: new AbortController().signal,
    entered: (state: string) => states.push(state),
    exited: () => {},
    invoke: async (name: string, text: string) => {
      const { input: given } = JSON.parse(text) as { input: Given };
      called.push(given.step ?? name);
      safety = given.safety ?? safety;
      const state = states.at(-1) ?? '';
      if ([fails].flat().includes(state)) throw new StateFailure(error, JSON.stringify({ errorMessage: `${state} failed` }));
      return JSON.stringify({ outcome: 'succeeded', result: answerOf(given) });
    },
  };
  const failure = await runMachine(
    definition,
    { run: 'r', reason: 'why', actor: 'test', last_write: 'then', ...input },
    execution,
  )
    .then(() => undefined)
    .catch((cause: StateFailure) => cause.failure);
  return { states, failure, called, safety };
}

const byBackup = { backup_id: 'oauth2-20260101T020000Z' };
const toTime = { to_time: '2026-01-01T02:00:00Z', from: 'oauth2-test' };

describe('a restore', { concurrency: true }, () => {
  it('that nothing fails in ends as restored', async () => {
    for (const input of [byBackup, toTime]) {
      const { states, failure, safety } = await run(input);
      assert.deepEqual([states.at(-1), failure], ['Restored', undefined]);
      assert.deepEqual(safety, { backup_id: 'oauth2-20260101T020000Z' });
    }
  });

  it('of a database that cannot be backed up goes on when it answers, and its last step is told why', async () => {
    const { states, failure, safety } = await run(byBackup, 'SafetyBackup');
    assert.deepEqual(states.slice(4, 7), ['SafetyBackup', 'Unsaved', 'Load']);
    assert.deepEqual([states.at(-1), failure], ['Restored', undefined]);
    assert.deepEqual(safety, { step: 'go-without', unsaved: JSON.stringify({ errorMessage: 'SafetyBackup failed' }) });
  });

  it('of a database that can neither be backed up nor answers is taken back', async () => {
    const { states, failure } = await run(byBackup, ['SafetyBackup', 'Unsaved']);
    assert.deepEqual(states.slice(-4), ['SafetyBackup', 'Unsaved', 'TakeBack', 'TakenBack']);
    assert.match(String(failure), /Unsaved failed/);
  });

  it('that meets another backup is taken back: who waits for that has both', async () => {
    const { states } = await run(byBackup, 'SafetyBackup', 'under_way');
    assert.deepEqual(states.slice(-3), ['SafetyBackup', 'TakeBack', 'TakenBack']);
  });

  for (const state of ['Maintenance', 'Load', 'Revoke', 'Swap', 'Schema', 'Keys', 'Finish'])
    it(`that fails in ${state} is taken back, and says why`, async () => {
      const { states, failure, called } = await run(byBackup, state);
      assert.deepEqual(states.slice(-3), [state, 'TakeBack', 'TakenBack']);
      assert.equal(called.at(-1), 'take-back');
      assert.match(String(failure), new RegExp(`${state} failed`));
    });

  it('of a backup that is not what was written ends before anything is changed, and says why', async () => {
    for (const input of [byBackup, toTime]) {
      const { states, failure, called } = await run(input, 'Check');
      assert.deepEqual(states.slice(-2), ['Check', 'NotBegun']);
      assert.ok(!states.includes('Maintenance') && !called.includes('take-back'));
      assert.match(String(failure), /Check failed/);
    }
  });

  for (const state of ['Rewind', 'LookRewound', 'DumpRewound'])
    it(`to an instant that fails in ${state} removes the instance, touches nothing else, and says why`, async () => {
      const { states, failure, called } = await run(toTime, state);
      assert.deepEqual(states.slice(-3), [state, 'Unwind', 'NotRewound']);
      assert.equal(called.at(-1), 'remove');
      assert.ok(!states.includes('Maintenance'));
      assert.match(String(failure), new RegExp(`${state} failed`));
    });
});
