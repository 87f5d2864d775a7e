/** Rotates a secret of this machine as Secrets Manager does: by four calls of its rotation function, one after the other, for one new version. */
import { AwsError } from './aws-endpoint.ts';
import type { Functions } from './functions.ts';
import type { StoredSecret } from './secret-store.ts';
import type { ScheduleSpec } from './template.ts';

const steps = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

/** Starts a rotation that nobody waits for. @returns id of the new version @throws AwsError where the secret cannot be rotated */
export type Rotate = (secret: StoredSecret, token: string) => string;

/** Secrets that no template lets rotate. */
export const rotateNothing: Rotate = ({ Name }) => {
  throw new AwsError('InvalidRequestException', `The secret ${Name} has no rotation function in the template.`);
};

/**
 * @param schedules of the template; those with a secret name the function that rotates it
 * @param say takes a line about a rotation that failed
 */
export function createRotation(
  functions: Pick<Functions, 'invoke'>,
  schedules: readonly ScheduleSpec[],
  say: (line: string) => void,
): Rotate {
  async function run(name: string, { ARN }: StoredSecret, id: string): Promise<void> {
    for (const Step of steps) {
      const event = JSON.stringify({ Step, SecretId: ARN, ClientRequestToken: id });
      const { verdict, payload } = await functions.invoke(name, event);
      if (verdict !== 'answered') return say(`rotation of ${ARN} failed at ${Step}: ${payload}`);
    }
  }
  return (secret, token) => {
    const found = schedules.find((schedule) => schedule.secret === secret.ARN);
    if (!found) return rotateNothing(secret, token);
    const [unfinished] =
      Object.entries(secret.Versions).find(
        ([, { VersionStages }]) => VersionStages.includes('AWSPENDING') && !VersionStages.includes('AWSCURRENT'),
      ) ?? [];
    const id = unfinished ?? token;
    run(found.function, secret, id).catch((error: Error) => say(`rotation of ${secret.ARN} failed: ${error.message}`));
    if (unfinished === undefined) return id;
    throw new AwsError('InvalidRequestException', "A previous rotation isn't complete. That rotation will be reattempted.");
  };
}
