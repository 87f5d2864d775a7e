/** Reads and writes the records of releases and moves in SSM Parameter Store, which needs no function of any release. */
import {
  DeleteParametersCommand,
  GetParametersByPathCommand,
  ParameterAlreadyExists,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { type Move, movesPath, type Release, releaseParameter, releasesPath } from './record.ts';

async function readPath(ssm: SSMClient, path: string): Promise<string[]> {
  const found: { name: string; value: string }[] = [];
  for (let token: string | undefined; ; ) {
    const page = await ssm.send(new GetParametersByPathCommand({ Path: path, ...(token !== undefined && { NextToken: token }) }));
    for (const { Name = '', Value = '' } of page.Parameters ?? []) found.push({ name: Name, value: Value });
    token = page.NextToken;
    if (token === undefined) break;
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
}

/** Every release of the stage, oldest first. */
export async function listReleases(ssm: SSMClient, stage: string): Promise<Release[]> {
  return (await readPath(ssm, releasesPath(stage))).map((text) => JSON.parse(text) as Release);
}

/** Writes a release that is not there yet. @returns false where its number is taken */
export async function addRelease(ssm: SSMClient, stage: string, release: Release): Promise<boolean> {
  const Description = `Release ${release.number} of oauth2 ${stage}`;
  const Value = JSON.stringify(release);
  try {
    await ssm.send(
      new PutParameterCommand({
        Name: releaseParameter(stage, release.number),
        Type: 'String',
        Description,
        Value,
        Overwrite: false,
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ParameterAlreadyExists) return false;
    throw error;
  }
}

/** Forgets every release of a stage that is removed: the versions that they name go with its functions. */
export async function forgetReleases(ssm: SSMClient, stage: string): Promise<void> {
  const names = (await listReleases(ssm, stage)).map(({ number }) => releaseParameter(stage, number));
  // The API takes ten at a time.
  for (let at = 0; at < names.length; at += 10) {
    await ssm.send(new DeleteParametersCommand({ Names: names.slice(at, at + 10) }));
  }
}

/** Every move of the stage, oldest first. */
export async function listMoves(ssm: SSMClient, stage: string): Promise<Move[]> {
  return (await readPath(ssm, movesPath(stage))).map((text) => JSON.parse(text) as Move);
}

export async function writeMove(ssm: SSMClient, stage: string, move: Move): Promise<void> {
  const Name = `${movesPath(stage)}/${move.id}`;
  const Description = `Who moved oauth2 ${stage} to another release`;
  await ssm.send(new PutParameterCommand({ Name, Type: 'String', Description, Value: JSON.stringify(move), Overwrite: true }));
}
