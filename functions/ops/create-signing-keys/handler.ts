/** Lambda of the procedure create-signing-keys. */
import { readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { readKeyRing, writeKeyRing } from '../../../lib/keys/vault.ts';
import { createSigningKeys } from '../../../lib/ops/create-signing-keys.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(createSigningKeys, {
  db,
  now: () => new Date(),
  secret_id: readSigningSecret(),
  readKeyRing,
  writeKeyRing,
});
