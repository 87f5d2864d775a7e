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

/** The current text of a secret, undefined where it has none yet. @throws {KeysUnavailable} where it cannot be read */
async function readSecret(secretId: string): Promise<string | undefined> {
  connection ??= connect();
  const { client, GetSecretValueCommand } = await connection;
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId }), {
      abortSignal: AbortSignal.timeout(deadlineMs),
    });
    // AWS refuses an empty value; an emulator gives one to a secret that has none.
    return answer.SecretString || undefined;
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
  const text = await readSecret(secretId);
  if (text === undefined) return undefined;
  const ring = parseKeyRing(text);
  if (!ring) throw new KeysUnavailable(`${secretId} holds no key ring`);
  return ring;
}

/**
 * Name and password of the database's administrator, as RDS keeps them.
 * @throws {KeysUnavailable} where the secret cannot be read, or holds something else
 */
export async function readAdministrator(secretId: string): Promise<{ readonly username: string; readonly password: string }> {
  const found: unknown = JSON.parse((await readSecret(secretId)) ?? 'null');
  if (typeof found === 'object' && found !== null && 'username' in found && 'password' in found) {
    return { username: String(found.username), password: String(found.password) };
  }
  throw new KeysUnavailable(`${secretId} holds no administrator`);
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
