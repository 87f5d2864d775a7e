/** Keeps secrets with their versions and stages in one file, under the rules of Secrets Manager. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AwsError } from './aws-endpoint.ts';
import { LocalFailure } from './failure.ts';

interface Version {
  readonly SecretString?: string;
  readonly SecretBinary?: string;
  /** Seconds since the epoch. */
  readonly CreatedDate: number;
  VersionStages: string[];
}

export interface StoredSecret {
  readonly ARN: string;
  readonly Name: string;
  readonly Description?: string;
  readonly CreatedDate: number;
  LastChangedDate: number;
  /** When it was marked for deletion, in seconds since the epoch: nobody may read it since. */
  DeletedDate?: number;
  readonly Versions: Record<string, Version>;
}

export interface SecretValue {
  readonly SecretString?: string;
  readonly SecretBinary?: string;
}

export interface SecretStore {
  list(): StoredSecret[];
  /** @throws AwsError ResourceNotFoundException */
  find(id: string): StoredSecret;
  /** @throws AwsError ResourceExistsException */
  create(secret: { arn: string; name: string; description?: string }): StoredSecret;
  /** The version by id, by stage, or the current one. @throws AwsError ResourceNotFoundException */
  version(secret: StoredSecret, by: { id?: string | undefined; stage?: string | undefined }): [id: string, version: Version];
  /** Adds a version; the same id with the same value changes nothing. @throws AwsError ResourceExistsException */
  put(secret: StoredSecret, value: SecretValue, token?: string, stages?: readonly string[]): [id: string, version: Version];
  /** Marks it for deletion, or takes the mark away. */
  mark(secret: StoredSecret, deleted: boolean): void;
  /** Moves a stage from one version to another. @throws AwsError InvalidParameterException */
  moveStage(secret: StoredSecret, stage: string, from: string | undefined, to: string | undefined): void;
}

function now(): number {
  return Date.now() / 1000;
}

function load(file: string): StoredSecret[] {
  if (!existsSync(file)) return [];
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as StoredSecret[];
  } catch {
    throw new LocalFailure(`${file} is not readable JSON: put its backup in place, or delete it to begin with new signing keys`);
  }
}

/** @param file is written whole or not at all, and only its owner may read it */
export function openSecretStore(file: string): SecretStore {
  const secrets = load(file);

  function save(secret: StoredSecret): void {
    secret.LastChangedDate = now();
    const fresh = `${file}.${process.pid}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(fresh, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flush: true });
    chmodSync(fresh, 0o600);
    renameSync(fresh, file);
  }

  /** Gives a stage to one version and takes it from every other; the last current version becomes the previous one. */
  function award(secret: StoredSecret, stage: string, to: string): void {
    const holder = Object.entries(secret.Versions).find(([, version]) => version.VersionStages.includes(stage))?.[0];
    if (holder === to) return;
    for (const version of Object.values(secret.Versions)) {
      version.VersionStages = version.VersionStages.filter((one) => one !== stage);
      if (stage === 'AWSCURRENT' && holder) version.VersionStages = version.VersionStages.filter((one) => one !== 'AWSPREVIOUS');
    }
    if (stage === 'AWSCURRENT' && holder) secret.Versions[holder]?.VersionStages.push('AWSPREVIOUS');
    secret.Versions[to]?.VersionStages.push(stage);
  }

  function sameValue(a: SecretValue, b: SecretValue): boolean {
    return a.SecretString === b.SecretString && a.SecretBinary === b.SecretBinary;
  }

  return {
    list: () => secrets,
    find(id) {
      const found = secrets.find((secret) => secret.ARN === id || secret.Name === id || secret.ARN.slice(0, -7) === id);
      if (!found) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
      return found;
    },
    create({ arn, name, description }) {
      if (secrets.some((secret) => secret.Name === name))
        throw new AwsError('ResourceExistsException', `The operation failed because the secret ${name} already exists.`);
      const about = description === undefined ? {} : { Description: description };
      const secret = { ARN: arn, Name: name, ...about, CreatedDate: now(), LastChangedDate: now(), Versions: {} };
      secrets.push(secret);
      save(secret);
      return secret;
    },
    version(secret, { id, stage }) {
      const wanted = stage ?? (id === undefined ? 'AWSCURRENT' : undefined);
      const found = Object.entries(secret.Versions).find(
        ([own, version]) => (id === undefined || own === id) && (wanted === undefined || version.VersionStages.includes(wanted)),
      );
      if (found) return found;
      const by = id === undefined ? `staging label: ${wanted}` : `VersionId: ${id}`;
      throw new AwsError('ResourceNotFoundException', `Secrets Manager can't find the specified secret value for ${by}`);
    },
    put(secret, value, token = randomUUID(), stages = ['AWSCURRENT']) {
      const there = secret.Versions[token];
      if (there && !sameValue(there, value))
        throw new AwsError('ResourceExistsException', `A version with the token ${token} and another value already exists.`);
      if (there) return [token, there];
      const version: Version = { ...value, CreatedDate: now(), VersionStages: [] };
      secret.Versions[token] = version;
      for (const stage of stages) award(secret, stage, token);
      // Without any current version the first one is current, whatever it was put as.
      if (!Object.values(secret.Versions).some((one) => one.VersionStages.includes('AWSCURRENT')))
        award(secret, 'AWSCURRENT', token);
      save(secret);
      return [token, version];
    },
    mark(secret, deleted) {
      if (deleted) secret.DeletedDate = now();
      else delete secret.DeletedDate;
      save(secret);
    },
    moveStage(secret, stage, from, to) {
      const holder = Object.entries(secret.Versions).find(([, version]) => version.VersionStages.includes(stage))?.[0];
      if (holder !== from && (holder !== undefined || from !== undefined) && !(to === holder && from === undefined))
        throw new AwsError(
          'InvalidParameterException',
          `The staging label ${stage} is attached to version ${holder}, not to ${from}.`,
        );
      if (to !== undefined && !secret.Versions[to])
        throw new AwsError('ResourceNotFoundException', `Secrets Manager can't find the version ${to}.`);
      if (to !== undefined) award(secret, stage, to);
      else if (holder) {
        const version = secret.Versions[holder] as Version;
        version.VersionStages = version.VersionStages.filter((one) => one !== stage);
      }
      save(secret);
    },
  };
}
