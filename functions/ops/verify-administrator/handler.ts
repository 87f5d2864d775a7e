/** Lambda of the procedure verify-administrator. */
import { readAdministratorSecret, readDatabaseConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { type Administrator, findAdministrator } from '../../../lib/keys/vault.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { verifyAdministrator } from '../../../lib/ops/verify-administrator.ts';
import { openDatabase } from '../../../lib/store/database.ts';

const db = connectDatabase();
const config = readDatabaseConfig();
const secret = readAdministratorSecret();

async function signIn({ username, password }: Administrator): Promise<void> {
  const administrator = openDatabase({ ...config, user: username, password: async () => password });
  await administrator.ask('sign-in', administrator.sql`select 1`).finally(() => administrator.end());
}

export const handler = serveProcedure(verifyAdministrator, {
  db,
  now: () => new Date(),
  find: async (stage) => (secret === '' ? undefined : findAdministrator(secret, stage)),
  signIn,
});
