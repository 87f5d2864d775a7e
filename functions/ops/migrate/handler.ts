/** Lambda of the procedure migrate. */
import { readAdministratorSecret, readDatabaseConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { readAdministrator } from '../../../lib/keys/vault.ts';
import { migrate } from '../../../lib/ops/migrate.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { type Database, openDatabase } from '../../../lib/store/database.ts';
import { ensureOwner, isOwnerThere } from '../../../lib/store/owner.ts';

const db = connectDatabase();
const secret = readAdministratorSecret();

async function asAdministrator<T>(work: (administrator: Database) => Promise<T>): Promise<T> {
  const { username, password } = await readAdministrator(secret);
  const administrator = openDatabase({ ...readDatabaseConfig(), user: username, password: async () => password });
  return work(administrator).finally(() => administrator.end());
}

export const handler = serveProcedure(migrate, {
  db,
  now: () => new Date(),
  directory: 'migrations',
  ...(secret !== '' && { owner: { isThere: () => asAdministrator(isOwnerThere), prepare: () => asAdministrator(ensureOwner) } }),
});
