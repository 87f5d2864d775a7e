/** Starts the state machine of a restore, or finds the one that is under way, and follows it state by state to its end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { DescribeExecutionCommandOutput, SFNClient } from '@aws-sdk/client-sfn';
import { ReleaseFault } from '../releases/fault.ts';
import { type ToolContext, tellStep } from '../releases/tool.ts';
import { quietStates, type RestoreState, restoreMachineName, restoreStateNames } from '../restore-states.ts';

export interface Execution {
  readonly arn: string;
  /** JSON text. */
  readonly input: string;
}

type Api = typeof import('@aws-sdk/client-sfn');

/** @throws {ReleaseFault} where the stage has no such machine */
export async function findMachine(api: Api, client: SFNClient, stage: string): Promise<string> {
  const name = restoreMachineName(stage);
  for (let nextToken: string | undefined; ; ) {
    const page = await client.send(new api.ListStateMachinesCommand({ ...(nextToken !== undefined && { nextToken }) }));
    const found = page.stateMachines?.find((one) => one.name === name)?.stateMachineArn;
    if (found !== undefined) return found;
    nextToken = page.nextToken;
    if (nextToken === undefined)
      throw new ReleaseFault(
        'no_machine',
        `there is no state machine ${name}: is the stage deployed in this account and region?`,
      );
  }
}

/** The execution that is under way; undefined where none is. */
export async function findUnderWay(api: Api, client: SFNClient, stateMachineArn: string): Promise<Execution | undefined> {
  const { executions = [] } = await client.send(
    new api.ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 1 }),
  );
  const arn = executions[0]?.executionArn;
  if (arn === undefined) return undefined;
  const { input = '{}' } = await client.send(new api.DescribeExecutionCommand({ executionArn: arn }));
  return { arn, input };
}

function say(context: ToolContext, state: string): void {
  if (!(quietStates as readonly string[]).includes(state)) tellStep(context, restoreStateNames[state as RestoreState] ?? state);
}

export interface EndedExecution extends DescribeExecutionCommandOutput {
  /** The state that was entered last. */
  readonly last_state: string | undefined;
}

/** Shows each state as it begins. @returns the execution when it has ended */
export async function followExecution(
  api: Api,
  client: SFNClient,
  context: ToolContext,
  executionArn: string,
): Promise<EndedExecution> {
  let seen = 0;
  let last: string | undefined;
  const tell = async () => {
    // The newest first, or a long history would hide them.
    const { events = [] } = await client.send(
      new api.GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 100 }),
    );
    for (const { id = 0, stateEnteredEventDetails: entered } of events.toReversed()) {
      if (id <= seen) continue;
      seen = id;
      if (entered?.name === undefined) continue;
      last = entered.name;
      say(context, last);
    }
  };
  for (;;) {
    const found = await client.send(new api.DescribeExecutionCommand({ executionArn }));
    await tell();
    if (found.status !== 'RUNNING' && found.status !== 'PENDING_REDRIVE') return { ...found, last_state: last };
    await pause(Math.min(Math.max(context.patience.pause_ms, 50), 2000));
  }
}
