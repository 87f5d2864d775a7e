/** The state machine of a restore: every step leads on or back, and it calls nothing but what its states name. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { restoreStateNames } from '../../lib/restore-states.ts';
import { statementsOf } from './golden.ts';
import { type Json, type Resource, synthesise } from './templates.ts';

type State = { readonly [name: string]: Json };

describe('the state machine of a restore of production', async () => {
  const templates = await synthesise('production');
  const machine = templates.one('ops', 'AWS::StepFunctions::StateMachine');
  const { States: states, StartAt } = JSON.parse(templates.text('ops', machine.properties.DefinitionString as Json)) as {
    States: Record<string, State>;
    StartAt: string;
  };
  const tasks = Object.entries(states).filter(([, { Type }]) => Type === 'Task');

  it('has words for each of its states', () => {
    assert.deepEqual(
      Object.keys(states).filter((name) => !(name in restoreStateNames)),
      [],
    );
    assert.ok(StartAt in states);
  });

  /** Before maintenance mode there is an instance to remove and nothing to take back; one that cannot be removed holds nothing up. */
  const ways = new Map([
    ...['Rewind', 'LookRewound', 'DumpRewound'].map((name) => [name, 'Unwind'] as const),
    ['RemoveRewound', 'Check'],
    ['Check', 'NotBegun'],
    ['SafetyBackup', 'Unsaved'],
    ['Unwind', 'NotRewound'],
  ]);

  it('goes to an instant only where one is named, and removes the instance before it touches what serves', () => {
    const path = ['Begin', 'Rewind', 'LookRewound', 'IsRewound', 'DumpRewound', 'RemoveRewound', 'Check', 'Maintenance'];
    const leads = (name: string): string[] => {
      const {
        Next,
        Choices = [],
        Default,
      } = states[name] as unknown as { Next?: string; Choices?: { Next: string }[]; Default?: string };
      return [Next, Default, ...Choices.map((rule) => rule.Next)].filter((one) => one !== undefined);
    };
    for (const [index, name] of path.entries()) if (index > 0) assert.ok(leads(path[index - 1] ?? '').includes(name), name);
    assert.deepEqual(leads('Begin').toSorted(), ['ByBackup', 'Rewind']);
    assert.deepEqual(leads('AwaitRewound'), ['LookRewound']);
    for (const end of ['NotRewound', 'NotBegun']) assert.equal(states[end]?.Type, 'Fail');
    assert.equal(states.ByBackup?.Next, 'Check');
  });

  it('leads from each step to the next, and from whatever fails to the step that takes everything back', () => {
    assert.ok(tasks.length >= 8);
    for (const [name, { Next, Catch }] of tasks) {
      assert.ok(String(Next) in states, name);
      if (name === 'TakeBack') continue;
      const caught = (Catch as unknown as { ErrorEquals: string[]; Next: string; ResultPath: string }[]).at(-1);
      assert.deepEqual([caught?.ErrorEquals, caught?.Next], [['States.ALL'], ways.get(name) ?? 'TakeBack'], name);
    }
    assert.equal(states.TakeBack?.Next, 'TakenBack');
    assert.equal(states.TakenBack?.Type, 'Fail');
  });

  it('tells each procedure to raise what fails, to act, and why', () => {
    for (const [name, { Parameters }] of tasks) {
      const { Payload } = Parameters as unknown as { Payload: Record<string, unknown> };
      assert.deepEqual(
        [Payload.raises, Payload.apply, Payload['reason.$'], Payload['actor.$']],
        [true, true, '$.reason', '$.actor'],
        name,
      );
    }
  });

  it('may invoke the aliases that it calls, and no other function', () => {
    const role = templates.target('ops', machine.properties.RoleArn as Json) as Resource;
    const invoked = statementsOf(templates, role).flatMap(([part, { Action, Resource: resources }]) =>
      [Action].flat().includes('lambda:InvokeFunction') ? [resources].flat().map((one) => templates.text(part, one as Json)) : [],
    );
    const called = new Set(tasks.map(([, { Parameters }]) => (Parameters as unknown as { FunctionName: string }).FunctionName));
    assert.deepEqual([...new Set(invoked.filter((one) => !one.endsWith(':*')))].toSorted(), [...called].toSorted());
  });

  it('keeps a log without the data, and is traced', () => {
    const { LoggingConfiguration, TracingConfiguration } = machine.properties as unknown as {
      LoggingConfiguration: { Level: string; IncludeExecutionData: boolean };
      TracingConfiguration: { Enabled: boolean };
    };
    assert.deepEqual([LoggingConfiguration.Level, LoggingConfiguration.IncludeExecutionData], ['ALL', false]);
    assert.equal(TracingConfiguration.Enabled, true);
  });
});
