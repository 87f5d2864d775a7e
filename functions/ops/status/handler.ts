/** Lambda of the procedure status. */
import { readConfig, readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { readKeyRing } from '../../../lib/keys/vault.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { status } from '../../../lib/ops/status.ts';

const { stage, issuer, release, version, schema_version } = readConfig();
const db = connectDatabase();

export const handler = serveProcedure(status, {
  db,
  now: () => new Date(),
  stage,
  issuer,
  release,
  version,
  schema_version,
  secret_id: readSigningSecret(),
  readKeyRing,
});
