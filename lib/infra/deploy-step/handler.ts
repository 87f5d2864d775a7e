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
  /** What the procedure is given, as JSON. */
  readonly input?: string;
  /** Of a procedure that is asked first what it would do: only where its plan wants a backup is one taken. */
  readonly asked_arn?: string;
  readonly asked?: string;
}

export type StepEvent = CloudFormationEvent<StepProperties>;

const lambda = new LambdaClient({});

/** Times that a refused invocation is tried again, two seconds apart: a policy just made takes a while to be known. */
const tries = 10;

export function handler(event: StepEvent): Promise<void> {
  return answering(event, run);
}

async function run({ RequestType, ResourceProperties, OldResourceProperties }: StepEvent): Promise<Outcome> {
  const { function_arn, procedure, release, version, input = '{}', asked_arn, asked } = ResourceProperties;
  // Schema changes only go forward: neither a removal nor CloudFormation's way back from a failed deploy takes one back.
  const back = OldResourceProperties !== undefined && Number(version) < Number(OldResourceProperties.version);
  if (RequestType === 'Delete' || back) return { Status: 'SUCCESS', Reason: 'nothing to take back' };
  const order = { reason: `deploy of ${release}`, actor: 'deploy' };
  if (asked_arn !== undefined) {
    const { text, answer } = await call(asked_arn, { ...order, input: {}, apply: false });
    if (answer?.outcome !== 'planned')
      return { Status: 'FAILED', Reason: `${asked} failed before ${procedure}, at its plan: ${text}` };
    if (answer.plan?.backup_first !== true) return { Status: 'SUCCESS', Reason: `nothing asks for ${procedure}` };
  }
  const { text, answer } = await call(function_arn, { ...order, input: JSON.parse(input) as object, apply: true });
  if (answer?.outcome === 'succeeded') return { Status: 'SUCCESS', Reason: `${procedure} is done` };
  return { Status: 'FAILED', Reason: `${procedure} failed, its log tells more: ${text}` };
}

interface Answer {
  readonly outcome?: unknown;
  readonly plan?: { readonly backup_first?: unknown };
}

/** A procedure that could not do its work answers so; only one that crashed is an error to Lambda, and then there is no answer. */
async function call(name: string, payload: object): Promise<{ text: string; answer: Answer | undefined }> {
  const output = await invoke(new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(payload)) }));
  const text = Buffer.from(output.Payload ?? []).toString();
  return { text, answer: output.FunctionError === undefined ? parse(text) : undefined };
}

function parse(text: string): Answer | undefined {
  try {
    return (JSON.parse(text) as Answer | null) ?? undefined;
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
