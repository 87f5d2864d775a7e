/** Lambda of the procedure revoke-tokens. */
import { readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { openRingVersions } from '../../../lib/keys/ring-versions.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { revokeTokens } from '../../../lib/ops/revoke-tokens.ts';

const db = connectDatabase();

export const handler = serveProcedure(revokeTokens, {
  db,
  now: () => new Date(),
  versions: openRingVersions(readSigningSecret()),
});
