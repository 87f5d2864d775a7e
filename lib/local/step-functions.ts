/** Answers the part of the Step Functions API that starts, follows and stops executions, on a loopback address. */
import { randomUUID } from 'node:crypto';
import { type AwsEndpoint, AwsError, openAwsEndpoint } from './aws-endpoint.ts';
import { type HistoryEvent, now, openExecutions, type StoredExecution } from './executions.ts';
import type { Functions } from './functions.ts';
import { type Data, StateFailure } from './state-data.ts';
import { type Definition, runMachine } from './state-machine.ts';

/** A state machine as the template declares it. */
export interface MachineSpec {
  readonly name: string;
  readonly arn: string;
  readonly definition: Definition;
}

export interface StepFunctions extends AwsEndpoint {
  /** Puts the machines of a changed template in place; executions under way go on with the definition that they began with. */
  declare(machines: readonly MachineSpec[]): void;
  /** Starts one that nobody waits for, as a schedule does. */
  start(machineArn: string, input: string): void;
}

export interface StepFunctionsOptions {
  /** Keeps the executions. */
  readonly file: string;
  readonly functions: Pick<Functions, 'find' | 'invoke'>;
  /** Takes a line about an execution that failed. */
  readonly say: (line: string) => void;
}

type Input = Readonly<Record<string, Data>>;

const refusal = (code: string, message: string) => new AwsError(code, message);

/** Calls a function as the integration does: what it throws fails the task under the name of its error. */
async function invokeTask({ functions }: StepFunctionsOptions, name: string, payload: string): Promise<string> {
  if (!functions.find(name)) throw new StateFailure('Lambda.ResourceNotFoundException', `Function not found: ${name}`);
  const { verdict, payload: answer } = await functions.invoke(name, payload);
  if (verdict === 'answered') return answer;
  if (verdict === 'throttled') throw new StateFailure('Lambda.TooManyRequestsException', 'Rate Exceeded.');
  const { errorType = 'Lambda.Unknown' } = JSON.parse(answer) as { errorType?: string };
  throw new StateFailure(errorType, answer);
}

function describe(one: StoredExecution) {
  return {
    executionArn: one.arn,
    stateMachineArn: one.machine_arn,
    name: one.name,
    status: one.status,
    startDate: one.started_at,
    input: one.input,
    ...(one.stopped_at !== undefined && { stopDate: one.stopped_at }),
    ...(one.output !== undefined && { output: one.output }),
    ...(one.error !== undefined && { error: one.error, cause: one.cause }),
  };
}

function describeEvent({ id, timestamp, type, state, error, cause }: HistoryEvent) {
  return {
    id,
    previousEventId: id - 1,
    timestamp,
    type,
    ...(type.endsWith('StateEntered') && { stateEnteredEventDetails: { name: state } }),
    ...(type.endsWith('StateExited') && { stateExitedEventDetails: { name: state } }),
    ...(type === 'ExecutionFailed' && { executionFailedEventDetails: { error, cause } }),
  };
}

export async function openStepFunctions(options: StepFunctionsOptions): Promise<StepFunctions> {
  const executions = openExecutions(options.file);
  const running = new Map<string, AbortController>();
  let machines: readonly MachineSpec[] = [];

  async function run(machine: MachineSpec, execution: StoredExecution, aborter: AbortController): Promise<void> {
    const { definition } = machine;
    const typeOf = (state: string) => String(definition.States[state]?.Type);
    const context = {
      Execution: { Id: execution.arn, Name: execution.name, StartTime: new Date(execution.started_at * 1000).toISOString() },
      StateMachine: { Id: machine.arn, Name: machine.name },
    };
    try {
      const output = await runMachine(definition, JSON.parse(execution.input), {
        context,
        signal: aborter.signal,
        invoke: (name, payload) => invokeTask(options, name, payload),
        entered: (state) => executions.note(execution, `${typeOf(state)}StateEntered`, { state }),
        exited: (state) => executions.note(execution, `${typeOf(state)}StateExited`, { state }),
      });
      const change = { status: 'SUCCEEDED', stopped_at: now(), output: JSON.stringify(output) } as const;
      executions.note(execution, 'ExecutionSucceeded', {}, change);
    } catch (cause) {
      if (aborter.signal.aborted) {
        executions.note(execution, 'ExecutionAborted', {}, { status: 'ABORTED', stopped_at: now() });
        return;
      }
      const { error, failure } =
        cause instanceof StateFailure
          ? cause
          : new StateFailure('States.Runtime', cause instanceof Error ? cause.message : String(cause));
      const change = { status: 'FAILED', stopped_at: now(), error, cause: failure } as const;
      executions.note(execution, 'ExecutionFailed', { error, cause: failure }, change);
      options.say(`${machine.name} failed: ${error} ${failure}`);
    } finally {
      running.delete(execution.arn);
    }
  }

  function start({ stateMachineArn, name = randomUUID(), input = '{}' }: Input) {
    const machine = machines.find(({ arn }) => arn === stateMachineArn);
    if (!machine) throw refusal('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
    try {
      JSON.parse(input);
    } catch {
      throw refusal('InvalidExecutionInput', 'the input is no JSON');
    }
    const arn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    const known = executions.find(arn);
    if (known && (known.status !== 'RUNNING' || known.input !== input))
      throw refusal('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    if (known) return { executionArn: arn, startDate: known.started_at };
    const execution: StoredExecution = {
      arn,
      name,
      machine_arn: machine.arn,
      started_at: now(),
      input,
      status: 'RUNNING',
      history: [],
    };
    executions.add(execution);
    const aborter = new AbortController();
    running.set(arn, aborter);
    void run(machine, execution, aborter);
    return { executionArn: arn, startDate: execution.started_at };
  }

  function find({ executionArn }: Input): StoredExecution {
    const found = executions.find(executionArn);
    if (!found) throw refusal('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`);
    return found;
  }

  const operations: Record<string, (input: Input) => unknown> = {
    StartExecution: start,
    DescribeExecution: (input) => describe(find(input)),
    GetExecutionHistory(input) {
      const events = find(input).history.map(describeEvent);
      const ordered = input.reverseOrder ? events.toReversed() : events;
      return { events: ordered.slice(0, input.maxResults || 1000) };
    },
    ListExecutions({ stateMachineArn, statusFilter, maxResults }) {
      const found = executions
        .all()
        .filter((one) => one.machine_arn === stateMachineArn && (statusFilter === undefined || one.status === statusFilter))
        .toReversed();
      return {
        executions: found.slice(0, maxResults || 100).map((one) => ({ ...describe(one), input: undefined, output: undefined })),
      };
    },
    ListStateMachines: () => ({
      stateMachines: machines.map(({ arn, name }) => ({ stateMachineArn: arn, name, type: 'STANDARD', creationDate: now() })),
    }),
    StopExecution(input) {
      running.get(find(input).arn)?.abort();
      return { stopDate: now() };
    },
  };

  const endpoint = await openAwsEndpoint(({ headers, body }) => {
    const name = String(headers['x-amz-target'] ?? '').replace('AWSStepFunctions.', '');
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (!operation) throw refusal('UnknownOperationException', `${name || 'no operation'} is not answered on this machine.`);
    return {
      status: 200,
      headers: { 'content-type': 'application/x-amz-json-1.0' },
      body: JSON.stringify(operation(JSON.parse(body || '{}') as Input)),
    };
  });
  return {
    url: endpoint.url,
    declare: (specs) => {
      machines = specs;
    },
    start: (stateMachineArn, input) => void start({ stateMachineArn, input }),
    close: async () => {
      for (const aborter of running.values()) aborter.abort();
      await endpoint.close();
    },
  };
}
