/** Replaces the secret with the private keys version by version: a new ring is stored as pending and becomes the current one by a swap. */
import { type PrivateKeyRing, parseKeyRing } from '../protocol/key-ring.ts';
import { KeysUnavailable } from './vault.ts';

/** A version of the secret. */
export interface RingVersion {
  readonly id: string;
  readonly ring: PrivateKeyRing;
}

/** The secret as Secrets Manager keeps it: versions, of which one is current. */
export interface RingVersions {
  /** The version with a label, or undefined where there is none. @throws {KeysUnavailable} */
  read(label: 'AWSCURRENT' | 'AWSPENDING'): Promise<RingVersion | undefined>;
  /** Stores a ring as the pending version; again with the same id changes nothing. @param id 32 to 64 characters @throws {KeysUnavailable} */
  store(id: string, ring: PrivateKeyRing): Promise<void>;
  /**
   * Makes a stored version the current one in place of another.
   * @returns false where the other is not the current one any more
   * @throws {KeysUnavailable}
   */
  promote(id: string, inPlaceOf: string): Promise<boolean>;
  /** Gives a pending version up, so that another rotation may begin; one that is not pending stays as it is. @throws {KeysUnavailable} */
  discard(id: string): Promise<void>;
}

const deadlineMs = 4000;

async function connect() {
  const { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient, UpdateSecretVersionStageCommand } = await import(
    '@aws-sdk/client-secrets-manager'
  );
  const client = new SecretsManagerClient({ maxAttempts: 2 });
  return { client, GetSecretValueCommand, PutSecretValueCommand, UpdateSecretVersionStageCommand };
}

let connection: ReturnType<typeof connect> | undefined;

function explain(doing: string, cause: unknown): KeysUnavailable {
  return new KeysUnavailable(`${doing}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`);
}

const isNamed = (cause: unknown, ...names: readonly string[]) => cause instanceof Error && names.includes(cause.name);

/** The versions of one secret. */
export function openRingVersions(secretId: string): RingVersions {
  const within = () => ({ abortSignal: AbortSignal.timeout(deadlineMs) });
  const connected = () => {
    connection ??= connect();
    return connection;
  };
  const read: RingVersions['read'] = async (label) => {
    const { client, GetSecretValueCommand } = await connected();
    try {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: label }), within());
      // An emulator gives an empty value to a secret that has none.
      if (!answer.SecretString) return undefined;
      const ring = parseKeyRing(answer.SecretString);
      if (ring && answer.VersionId !== undefined) return { id: answer.VersionId, ring };
    } catch (cause) {
      if (isNamed(cause, 'ResourceNotFoundException')) return undefined;
      throw explain(`reading ${label} of ${secretId}`, cause);
    }
    if (label === 'AWSCURRENT') throw new KeysUnavailable(`${secretId} holds no key ring`);
    return undefined;
  };
  return {
    read,
    store: async (id, ring) => {
      const { client, PutSecretValueCommand } = await connected();
      const input = {
        SecretId: secretId,
        ClientRequestToken: id,
        SecretString: JSON.stringify(ring),
        VersionStages: ['AWSPENDING'],
      };
      try {
        await client.send(new PutSecretValueCommand(input), within());
      } catch (cause) {
        throw explain(`storing a version of ${secretId}`, cause);
      }
    },
    promote: async (id, inPlaceOf) => {
      const { client, UpdateSecretVersionStageCommand } = await connected();
      const input = { SecretId: secretId, VersionStage: 'AWSCURRENT', MoveToVersionId: id, RemoveFromVersionId: inPlaceOf };
      try {
        await client.send(new UpdateSecretVersionStageCommand(input), within());
        return true;
      } catch (cause) {
        if (!isNamed(cause, 'InvalidParameterException', 'InvalidRequestException'))
          throw explain(`promoting a version of ${secretId}`, cause);
      }
      // A second attempt of the client may have been told that the first one had succeeded.
      return (await read('AWSCURRENT'))?.id === id;
    },
    discard: async (id) => {
      const { client, UpdateSecretVersionStageCommand } = await connected();
      const input = { SecretId: secretId, VersionStage: 'AWSPENDING', RemoveFromVersionId: id };
      try {
        await client.send(new UpdateSecretVersionStageCommand(input), within());
      } catch (cause) {
        if (!isNamed(cause, 'InvalidParameterException', 'InvalidRequestException'))
          throw explain(`giving up a version of ${secretId}`, cause);
      }
    },
  };
}
