/** Answers the Secrets Manager API on a loopback address, as its SDK speaks it. */
import { randomInt, randomUUID } from 'node:crypto';
import { type AwsEndpoint, AwsError, type AwsRequest, openAwsEndpoint } from './aws-endpoint.ts';
import { type Rotate, rotateNothing } from './rotation.ts';
import { secretArn } from './secret-arn.ts';
import { openSecretStore, type SecretStore, type SecretValue, type StoredSecret } from './secret-store.ts';
import type { SecretSpec } from './template.ts';

export interface SecretsOptions {
  /** File that keeps the secrets between starts. */
  readonly file: string;
  readonly region: string;
  readonly account: string;
}

export interface Secrets extends AwsEndpoint {
  /** Makes the declared secrets exist; what exists already is left as it is. */
  declare(specs: readonly SecretSpec[]): void;
  /** Says how secrets are rotated from now on. */
  rotateBy(rotate: Rotate): void;
  /** Starts a rotation, as a schedule does. */
  rotate(secret: string): void;
  /** The current text of a secret. @throws AwsError where there is none */
  read(id: string): string;
  /** Adds a version, which is the current one from then on. */
  put(id: string, text: string): void;
}

type Input = Readonly<Record<string, unknown>>;

function textOf(input: Input, name: string, required: true): string;
function textOf(input: Input, name: string, required?: false): string | undefined;
function textOf(input: Input, name: string, required = false): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) {
    if (required) throw new AwsError('InvalidParameterException', `You must provide a value for the ${name} parameter.`);
    return undefined;
  }
  if (typeof value !== 'string') throw new AwsError('InvalidParameterException', `${name} must be a string.`);
  return value;
}

function secretValueOf(input: Input): SecretValue | undefined {
  const text = textOf(input, 'SecretString');
  const binary = textOf(input, 'SecretBinary');
  if (text !== undefined && binary !== undefined)
    throw new AwsError('InvalidParameterException', "You can't specify both a binary secret value and a string secret value.");
  if (text === undefined && binary === undefined) return undefined;
  return text === undefined ? { SecretBinary: binary as string } : { SecretString: text };
}

function stagesOf(secret: StoredSecret): Record<string, string[]> {
  const entries = Object.entries(secret.Versions).filter(([, version]) => version.VersionStages.length > 0);
  return Object.fromEntries(entries.map(([id, version]) => [id, version.VersionStages]));
}

function describe(secret: StoredSecret) {
  const { ARN, Name, Description, CreatedDate, LastChangedDate, DeletedDate } = secret;
  return {
    ARN,
    Name,
    ...(Description !== undefined && { Description }),
    CreatedDate,
    LastChangedDate,
    ...(DeletedDate !== undefined && { DeletedDate }),
  };
}

/** A first value by the rules of CloudFormation's `GenerateSecretString`. */
export function generateSecret(rules: Readonly<Record<string, unknown>>): string {
  const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
  const sets = [
    rules.ExcludeLowercase ? '' : 'abcdefghijklmnopqrstuvwxyz',
    rules.ExcludeUppercase ? '' : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    rules.ExcludeNumbers ? '' : '0123456789',
    rules.ExcludePunctuation ? '' : punctuation,
    rules.IncludeSpace ? ' ' : '',
  ];
  const excluded = String(rules.ExcludeCharacters ?? '');
  const alphabet = [...sets.join('')].filter((one) => !excluded.includes(one));
  const length = Number(rules.PasswordLength ?? 32);
  const password = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  if (rules.SecretStringTemplate === undefined) return password;
  return JSON.stringify({ ...JSON.parse(String(rules.SecretStringTemplate)), [String(rules.GenerateStringKey)]: password });
}

/** What each operation does; the names are the API's. */
function operations(store: SecretStore, options: SecretsOptions, rotate: Rotate): Record<string, (input: Input) => unknown> {
  return {
    CreateSecret(input) {
      const name = textOf(input, 'Name', true);
      const description = textOf(input, 'Description');
      const value = secretValueOf(input);
      const secret = store.create({ arn: secretArn(options, name), name, ...(description !== undefined && { description }) });
      const [VersionId] = value ? store.put(secret, value, textOf(input, 'ClientRequestToken')) : [];
      return { ARN: secret.ARN, Name: secret.Name, ...(VersionId !== undefined && { VersionId }) };
    },
    DeleteSecret(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      store.mark(secret, true);
      return { ARN: secret.ARN, Name: secret.Name, DeletionDate: secret.DeletedDate };
    },
    RestoreSecret(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      store.mark(secret, false);
      return { ARN: secret.ARN, Name: secret.Name };
    },
    GetSecretValue(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      if (secret.DeletedDate !== undefined)
        throw new AwsError(
          'InvalidRequestException',
          "You can't perform this operation on the secret because it was marked for deletion.",
        );
      const by = { id: textOf(input, 'VersionId'), stage: textOf(input, 'VersionStage') };
      const [VersionId, version] = store.version(secret, by);
      return { ARN: secret.ARN, Name: secret.Name, VersionId, ...version };
    },
    PutSecretValue(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      const value = secretValueOf(input);
      if (!value) throw new AwsError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
      const stages = input.VersionStages as string[] | undefined;
      const [VersionId, version] = store.put(secret, value, textOf(input, 'ClientRequestToken'), stages);
      return { ARN: secret.ARN, Name: secret.Name, VersionId, VersionStages: version.VersionStages };
    },
    DescribeSecret(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      return { ...describe(secret), VersionIdsToStages: stagesOf(secret) };
    },
    UpdateSecretVersionStage(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      const stage = textOf(input, 'VersionStage', true);
      store.moveStage(secret, stage, textOf(input, 'RemoveFromVersionId'), textOf(input, 'MoveToVersionId'));
      return { ARN: secret.ARN, Name: secret.Name };
    },
    RotateSecret(input) {
      const secret = store.find(textOf(input, 'SecretId', true));
      for (const name of ['RotationLambdaARN', 'RotationRules', 'RotateImmediately', 'ExternalSecretRotationMetadata'])
        if (input[name] !== undefined)
          throw new AwsError('InvalidParameterException', `${name} is the template's to say on this machine.`);
      const VersionId = rotate(secret, textOf(input, 'ClientRequestToken') ?? randomUUID());
      return { ARN: secret.ARN, Name: secret.Name, VersionId };
    },
    ListSecrets: () => ({
      SecretList: store.list().map((secret) => ({ ...describe(secret), SecretVersionsToStages: stagesOf(secret) })),
    }),
  };
}

/** Opens the API; its state is in the file before a call is answered. */
export async function openSecrets(options: SecretsOptions): Promise<Secrets> {
  const store = openSecretStore(options.file);
  let rotate = rotateNothing;
  const table = operations(store, options, (...given) => rotate(...given));
  const endpoint = await openAwsEndpoint(({ headers, body }: AwsRequest) => {
    const name = String(headers['x-amz-target'] ?? '').replace('secretsmanager.', '');
    const operation = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!operation) throw new AwsError('UnknownOperationException', `${name || 'no operation'} is not answered on this machine.`);
    return { status: 200, body: JSON.stringify(operation(JSON.parse(body || '{}') as Input)) };
  });
  return {
    ...endpoint,
    rotateBy: (how) => {
      rotate = how;
    },
    rotate(secret) {
      try {
        rotate(store.find(secret), randomUUID());
      } catch (error) {
        // A rotation that goes on with the one before.
        if (!(error instanceof AwsError)) throw error;
      }
    },
    read: (id) => store.version(store.find(id), {})[1].SecretString ?? '',
    put: (id, text) => void store.put(store.find(id), { SecretString: text }),
    declare(specs) {
      for (const { name, arn, generate, value } of specs) {
        if (store.list().some((secret) => secret.Name === name)) continue;
        const secret = store.create({ arn, name });
        const first = value ?? (generate && generateSecret(generate));
        if (first !== undefined) store.put(secret, { SecretString: first });
      }
    },
  };
}
