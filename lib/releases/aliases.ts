/** Reads and moves the `live` aliases of a stage's functions. */
import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  type LambdaClient,
  PreconditionFailedException,
  ResourceNotFoundException,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import { functionName } from '../procedures.ts';

export interface Alias {
  readonly version: string;
  /** Changes with every change of the alias, whoever makes it. */
  readonly revision: string;
  /** Whether it sends a part of the traffic to another version: a deploy is shifting it. */
  readonly divided: boolean;
}

/** Somebody else moved the alias since it was read. */
export class AliasMoved extends Error {
  override name = 'AliasMoved';
}

const live = 'live';

/** @returns undefined where there is no such function, or it has no `live` alias */
export async function readAlias(lambda: LambdaClient, stage: string, name: string): Promise<Alias | undefined> {
  try {
    const found = await lambda.send(new GetAliasCommand({ FunctionName: functionName(stage, name), Name: live }));
    const { FunctionVersion = '', RevisionId = '', RoutingConfig } = found;
    const divided = Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {}).length > 0;
    return { version: FunctionVersion, revision: RevisionId, divided };
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

/** One after the other: Lambda lets through 15 such calls a second. */
export async function readAliases(lambda: LambdaClient, stage: string, names: Iterable<string>): Promise<Map<string, Alias>> {
  const found = new Map<string, Alias>();
  for (const name of new Set(names)) {
    const alias = await readAlias(lambda, stage, name);
    if (alias) found.set(name, alias);
  }
  return found;
}

export async function hasVersion(lambda: LambdaClient, stage: string, name: string, version: string): Promise<boolean> {
  try {
    await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName(stage, name), Qualifier: version }));
    return true;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}

/**
 * Moves one alias, all of its traffic at once.
 * @throws {AliasMoved} where it is not as it was read
 */
export async function moveAlias(
  lambda: LambdaClient,
  stage: string,
  name: string,
  { version, revision }: Pick<Alias, 'version' | 'revision'>,
): Promise<void> {
  try {
    await lambda.send(
      new UpdateAliasCommand({
        FunctionName: functionName(stage, name),
        Name: live,
        FunctionVersion: version,
        RevisionId: revision,
        RoutingConfig: { AdditionalVersionWeights: {} },
      }),
    );
  } catch (error) {
    if (!(error instanceof PreconditionFailedException)) throw error;
    // An attempt of our own may have arrived though its answer was lost.
    const now = await readAlias(lambda, stage, name);
    if (now?.version === version && !now.divided) return;
    throw new AliasMoved(`somebody else moved the alias of ${functionName(stage, name)} meanwhile`);
  }
}
