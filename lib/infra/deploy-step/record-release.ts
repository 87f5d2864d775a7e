/** Records a release at the end of a deploy: which version each alias leads to, under the next number. */
import { setTimeout } from 'node:timers/promises';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SSMClient } from '@aws-sdk/client-ssm';
import { readAliases } from '../../releases/aliases.ts';
import { addRelease, forgetReleases, listReleases } from '../../releases/ledger.ts';
import { isSame } from '../../releases/record.ts';
import { answering, type CloudFormationEvent, type Outcome } from './answer.ts';

/** CloudFormation hands over every value as text. */
interface RecordProperties {
  readonly stage: string;
  readonly functions: readonly string[];
  readonly release: string;
  readonly commit: string;
  readonly schema_version: string;
  readonly issuer: string;
}

export type RecordEvent = CloudFormationEvent<RecordProperties>;

const lambda = new LambdaClient({ maxAttempts: 5 });
const ssm = new SSMClient({ maxAttempts: 5 });

/** Times that a refused call is tried again, two seconds apart: a policy just made takes a while to be known. */
const tries = 10;

export function handler(event: RecordEvent): Promise<void> {
  return answering(event, record);
}

async function record({ RequestType, ResourceProperties }: RecordEvent): Promise<Outcome> {
  const { stage, functions, release, commit, schema_version, issuer } = ResourceProperties;
  if (RequestType === 'Delete') {
    await forgetReleases(ssm, stage);
    return { Status: 'SUCCESS', Reason: 'no release is left' };
  }
  const releases = await patiently(() => listReleases(ssm, stage));
  const aliases = await patiently(() => readAliases(lambda, stage, functions));
  const missing = functions.filter((name) => !aliases.has(name));
  if (missing.length > 0) return { Status: 'FAILED', Reason: `these functions have no live alias: ${missing.join(', ')}` };
  const versions = Object.fromEntries(functions.toSorted().map((name) => [name, aliases.get(name)?.version ?? '']));
  // The same versions are the same release: a deploy that changed no function, or CloudFormation's way back from one that failed.
  const same = releases.findLast((known) => isSame(known.functions, versions));
  if (same) return { Status: 'SUCCESS', Reason: `release ${same.number} is in place` };
  const fresh = {
    release,
    commit,
    time: new Date().toISOString(),
    schema_version: Number(schema_version),
    issuer,
    functions: versions,
  };
  for (let number = (releases.at(-1)?.number ?? 0) + 1; ; number++) {
    if (await addRelease(ssm, stage, { number, ...fresh })) return { Status: 'SUCCESS', Reason: `release ${number} is in place` };
  }
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || !(error instanceof Error) || !/^AccessDenied/.test(error.name)) throw error;
      await setTimeout(2000);
    }
  }
}
