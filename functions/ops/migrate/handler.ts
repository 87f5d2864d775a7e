/** Lambda of the procedure migrate. */
import { readAdministratorSecret, readDatabaseConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { readAdministrator } from '../../../lib/keys/vault.ts';
import { migrate } from '../../../lib/ops/migrate.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { openDatabase } from '../../../lib/store/database.ts';
import { ensureOwner } from '../../../lib/store/owner.ts';

const db = connectDatabase();
const secret = readAdministratorSecret();

async function prepare(): Promise<void> {
  const { username, password } = await readAdministrator(secret);
  const administrator = openDatabase({ ...readDatabaseConfig(), user: username, password: async () => password });
  await ensureOwner(administrator).finally(() => administrator.end());
}

export const handler = serveProcedure(migrate, {
  db,
  now: () => new Date(),
  directory: 'migrations',
  ...(secret !== '' && { prepare }),
});
