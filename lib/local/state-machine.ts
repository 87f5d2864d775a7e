/** Runs a state machine of AWS Step Functions: the states, retries and catches that the machines of this project use. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Data, fill, holds, place, read, StateFailure } from './state-data.ts';

export type Definition = Readonly<{ StartAt: string; States: Readonly<Record<string, State>> }>;

// biome-ignore lint/suspicious/noExplicitAny: a state as its definition says
type State = Readonly<Record<string, any>>;

export interface Execution {
  /** Told when a state begins and when it has ended. */
  readonly entered: (state: string) => void;
  readonly exited: (state: string) => void;
  /** Invokes a function. @returns its answer as JSON text @throws {StateFailure} where it failed */
  readonly invoke: (functionName: string, payload: string) => Promise<string>;
  /** Reached by `$$`. */
  readonly context: Data;
  readonly signal: AbortSignal;
}

interface Step {
  readonly output: Data;
  /** Undefined: it was the last. */
  readonly next: string | undefined;
}

const invocation = /^arn:[\w-]+:states:::lambda:invoke$/;

const matches = (errors: readonly string[], { error }: StateFailure): boolean =>
  errors.includes(error) || errors.includes('States.ALL') || (errors.includes('States.TaskFailed') && error !== 'States.Timeout');

/** Runs a task once. @throws {StateFailure} */
async function perform(state: State, input: Data, { invoke, context }: Execution): Promise<Data> {
  if (!invocation.test(state.Resource))
    throw new StateFailure('States.Runtime', `${state.Resource} is not answered on this machine`);
  const { FunctionName, Payload = input } = fill(state.Parameters, input, context);
  const text = await invoke(String(FunctionName), JSON.stringify(Payload));
  const result = { StatusCode: 200, ExecutedVersion: '1', Payload: text === '' ? null : JSON.parse(text) };
  return state.ResultSelector ? fill(state.ResultSelector, result, context) : result;
}

async function task(state: State, input: Data, execution: Execution): Promise<Step> {
  const used = new Map<State, number>();
  for (;;) {
    try {
      const result = await perform(state, input, execution);
      return { output: place(input, result, state.ResultPath), next: state.Next };
    } catch (cause) {
      const failure = cause instanceof StateFailure ? cause : new StateFailure('States.Runtime', String(cause));
      const retrier: State | undefined = state.Retry?.find((one: State) => matches(one.ErrorEquals, failure));
      const times = retrier === undefined ? 0 : (used.get(retrier) ?? 0);
      if (retrier !== undefined && times < (retrier.MaxAttempts ?? 3)) {
        used.set(retrier, times + 1);
        const seconds = (retrier.IntervalSeconds ?? 1) * (retrier.BackoffRate ?? 2) ** times;
        await pause(Math.min(seconds, retrier.MaxDelaySeconds ?? seconds) * 1000, undefined, { signal: execution.signal });
        continue;
      }
      const catcher: State | undefined = state.Catch?.find((one: State) => matches(one.ErrorEquals, failure));
      if (catcher === undefined) throw failure;
      return { output: place(input, { Error: failure.error, Cause: failure.failure }, catcher.ResultPath), next: catcher.Next };
    }
  }
}

async function run(state: State, input: Data, execution: Execution): Promise<Step> {
  const { context, signal } = execution;
  switch (state.Type) {
    case 'Task':
      return task(state, input, execution);
    case 'Pass': {
      const made = state.Result ?? (state.Parameters === undefined ? input : fill(state.Parameters, input, context));
      return { output: place(input, made, state.ResultPath), next: state.Next };
    }
    case 'Choice': {
      const chosen = state.Choices.find((rule: State) => holds(rule, input, context));
      const next = chosen?.Next ?? state.Default;
      if (next === undefined) throw new StateFailure('States.NoChoiceMatched', 'no rule of the choice holds');
      return { output: input, next };
    }
    case 'Wait': {
      const seconds = state.SecondsPath === undefined ? state.Seconds : read(state.SecondsPath, input, context);
      await pause(Number(seconds) * 1000, undefined, { signal });
      return { output: input, next: state.Next };
    }
    case 'Succeed':
      return { output: input, next: undefined };
    case 'Fail':
      throw new StateFailure(
        state.ErrorPath === undefined ? (state.Error ?? '') : String(read(state.ErrorPath, input, context)),
        state.CausePath === undefined ? (state.Cause ?? '') : String(read(state.CausePath, input, context)),
      );
    default:
      throw new StateFailure('States.Runtime', `a state of the type ${state.Type} is not run on this machine`);
  }
}

/** Runs it from its beginning to its end. @returns the output @throws {StateFailure} where it failed */
export async function runMachine({ StartAt, States }: Definition, input: Data, execution: Execution): Promise<Data> {
  let data = input;
  for (let name: string | undefined = StartAt; name !== undefined; ) {
    const state: State | undefined = States[name];
    if (state === undefined) throw new StateFailure('States.Runtime', `there is no state ${name}`);
    execution.signal.throwIfAborted();
    execution.entered(name);
    const given: Data = state.InputPath === undefined ? data : read(state.InputPath, data, execution.context);
    const step: Step = await run(state, given, execution);
    data = state.OutputPath === undefined ? step.output : read(state.OutputPath, step.output, execution.context);
    execution.exited(name);
    name = step.next;
  }
  return data;
}
