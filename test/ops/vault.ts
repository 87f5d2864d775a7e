/** A secret with its versions for tests of procedures, behind the real Secrets Manager API. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRingVersions, type RingVersions } from '../../lib/keys/ring-versions.ts';
import { readKeyRing, writeKeyRing } from '../../lib/keys/vault.ts';
import { openSecrets } from '../../lib/local/secrets.ts';
import { generateKeyRing, type PrivateKeyRing } from '../../lib/protocol/key-ring.ts';
import type { Database } from '../../lib/store/database.ts';
import { recordKeyRing } from '../support/keys.ts';

export interface TestVault {
  readonly secret_id: string;
  readonly versions: RingVersions;
  readCurrent(): Promise<PrivateKeyRing>;
  /** Begins anew, with a ring that was made and published at that time. */
  begin(db: Database, at: Date): Promise<void>;
  close(): Promise<void>;
}

/** A test file may open one: the client of Secrets Manager reads its environment once. */
export async function openVault(): Promise<TestVault> {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-vault-'));
  const secrets = await openSecrets({ file: join(folder, 'secrets.json'), region: 'us-east-1', account: '000000000000' });
  const secret_id = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:signing-AbCdEf';
  secrets.declare([{ name: 'signing', arn: secret_id }]);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  return {
    secret_id,
    versions: openRingVersions(secret_id),
    readCurrent: async () => (await readKeyRing(secret_id)) as PrivateKeyRing,
    begin: async (db, at) => {
      const ring = await generateKeyRing();
      await writeKeyRing(secret_id, ring);
      await db.sql`truncate signing_keys`;
      await recordKeyRing(db, ring, at);
    },
    close: async () => {
      await secrets.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
