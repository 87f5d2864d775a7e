/** Runs a procedure in the middle of a deploy: CloudFormation calls it, it invokes the function and reports how that went. */
import { setTimeout } from 'node:timers/promises';
import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda';
import { answering, type CloudFormationEvent, type Outcome } from './answer.ts';

interface StepProperties {
  readonly function_arn: string;
  readonly procedure: string;
  readonly release: string;
  /** Number of the function's version. */
  readonly version: string;
}

export type StepEvent = CloudFormationEvent<StepProperties>;

const lambda = new LambdaClient({});

/** Times that a refused invocation is tried again, two seconds apart: a policy just made takes a while to be known. */
const tries = 10;

export function handler(event: StepEvent): Promise<void> {
  return answering(event, run);
}

async function run({ RequestType, ResourceProperties, OldResourceProperties }: StepEvent): Promise<Outcome> {
  const { function_arn, procedure, release, version } = ResourceProperties;
  // Schema changes only go forward: neither a removal nor CloudFormation's way back from a failed deploy takes one back.
  const back = OldResourceProperties !== undefined && Number(version) < Number(OldResourceProperties.version);
  if (RequestType === 'Delete' || back) return { Status: 'SUCCESS', Reason: 'nothing to take back' };
  const payload = JSON.stringify({ input: {}, apply: true, reason: `deploy of ${release}`, actor: 'deploy' });
  const answer = await invoke(new InvokeCommand({ FunctionName: function_arn, Payload: Buffer.from(payload) }));
  const text = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError === undefined && outcomeOf(text) === 'succeeded') {
    return { Status: 'SUCCESS', Reason: `${procedure} is done` };
  }
  return { Status: 'FAILED', Reason: `${procedure} failed, its log tells more: ${text}` };
}

/** A procedure that could not do its work answers so; only one that crashed is an error to Lambda. */
function outcomeOf(answer: string): unknown {
  try {
    return (JSON.parse(answer) as { outcome?: unknown } | null)?.outcome;
  } catch {
    return undefined;
  }
}

async function invoke(command: InvokeCommand): Promise<InvokeCommandOutput> {
  for (let left = tries; ; left--) {
    try {
      return await lambda.send(command);
    } catch (error) {
      if (left === 0 || !(error instanceof Error) || error.name !== 'AccessDeniedException') throw error;
      await setTimeout(2000);
    }
  }
}
