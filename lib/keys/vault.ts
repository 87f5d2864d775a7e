/** Reads and writes the secret with the private signing keys: the only importer of the Secrets Manager client, and only when needed. */
import { Unavailable } from '../protocol/errors.ts';
import { type PrivateKeyRing, parseKeyRing } from '../protocol/key-ring.ts';

/** The secret cannot be read or does not hold a key ring; the reason is for the log. */
export class KeysUnavailable extends Unavailable {
  override name = 'KeysUnavailable';
  constructor(detail: string) {
    super('The signing keys are not available.', detail);
  }
}

/** Longest wait for Secrets Manager, in milliseconds, retries included. */
const deadlineMs = 4000;

async function connect() {
  // Half of a cold start is this client: functions that never sign do not load it, the others load it beside the database connection.
  const { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  return { client: new SecretsManagerClient({ maxAttempts: 2 }), GetSecretValueCommand, PutSecretValueCommand };
}

let connection: ReturnType<typeof connect> | undefined;

/** The text of a version of a secret, undefined where there is none. @throws {KeysUnavailable} where it cannot be read */
async function readSecret(secretId: string, stage = 'AWSCURRENT'): Promise<{ text: string; version: string } | undefined> {
  connection ??= connect();
  const { client, GetSecretValueCommand } = await connection;
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage }), {
      abortSignal: AbortSignal.timeout(deadlineMs),
    });
    // AWS refuses an empty value; an emulator gives one to a secret that has none.
    return answer.SecretString ? { text: answer.SecretString, version: answer.VersionId ?? '' } : undefined;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ResourceNotFoundException') return undefined;
    throw new KeysUnavailable(`reading ${secretId}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`);
  }
}

/**
 * The key ring of a secret.
 * @returns undefined where the secret has no value yet
 * @throws {KeysUnavailable} where it cannot be read, or holds something else
 */
export async function readKeyRing(secretId: string): Promise<PrivateKeyRing | undefined> {
  const found = await readSecret(secretId);
  if (found === undefined) return undefined;
  const ring = parseKeyRing(found.text);
  if (!ring) throw new KeysUnavailable(`${secretId} holds no key ring`);
  return ring;
}

export interface Administrator {
  readonly username: string;
  readonly password: string;
  /** Of the secret. */
  readonly version: string;
}

/**
 * Name and password of the database's administrator, as RDS keeps them.
 * @param stage `AWSPREVIOUS` for those before the last rotation
 * @returns undefined where there is no such version
 * @throws {KeysUnavailable} where the secret cannot be read, or holds something else
 */
export async function findAdministrator(
  secretId: string,
  stage: 'AWSCURRENT' | 'AWSPREVIOUS',
): Promise<Administrator | undefined> {
  const found = await readSecret(secretId, stage);
  if (found === undefined) return undefined;
  const held: unknown = JSON.parse(found.text);
  if (typeof held === 'object' && held !== null && 'username' in held && 'password' in held)
    return { username: String(held.username), password: String(held.password), version: found.version };
  throw new KeysUnavailable(`${secretId} holds no administrator`);
}

/** The administrator as of now. @throws {KeysUnavailable} where there is none */
export async function readAdministrator(secretId: string): Promise<Administrator> {
  const found = await findAdministrator(secretId, 'AWSCURRENT');
  if (!found) throw new KeysUnavailable(`${secretId} holds no administrator`);
  return found;
}

/** Stores a key ring as the secret's current value. @throws {KeysUnavailable} */
export async function writeKeyRing(secretId: string, ring: PrivateKeyRing): Promise<void> {
  connection ??= connect();
  const { client, PutSecretValueCommand } = await connection;
  try {
    await client.send(new PutSecretValueCommand({ SecretId: secretId, SecretString: JSON.stringify(ring) }), {
      abortSignal: AbortSignal.timeout(deadlineMs),
    });
  } catch (cause) {
    throw new KeysUnavailable(`writing ${secretId}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`);
  }
}
