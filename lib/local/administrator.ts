/** The administrator of the embedded Postgres: the one role that signs in with a password, as on RDS. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';

/** Its members need their password, from this machine too. */
const group = 'oauth2_by_password';
export const administratorRole = 'oauth2_admin';

/** Puts the rule about the group before the one that trusts everybody on this machine. */
export function demandPasswords(data: string): void {
  const file = join(data, 'pg_hba.conf');
  if (!existsSync(file)) return;
  const rules = readFileSync(file, 'utf8');
  const rule = `host all +${group} all scram-sha-256`;
  if (!rules.includes(rule)) writeFileSync(file, `${rule}\n${rules}`);
}

/** Makes the role where it is missing, and gives it this password. @param url of the superuser */
export async function setAdministrator(url: string, username: string, password: string): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  const literal = `'${password.replaceAll("'", "''")}'`;
  const make = (role: string, more: string) => `
    do $$ begin create role ${role} ${more}; exception when duplicate_object or unique_violation then null; end $$`;
  try {
    // Maintenance mode makes every other session read-only; a password is replaced then, too.
    await sql.unsafe('set default_transaction_read_only = off');
    await sql.unsafe(make(group, 'nologin'));
    await sql.unsafe(make(username, 'login superuser'));
    await sql.unsafe(`grant ${group} to ${username}`);
    // A statement of its own, and never in the server's log.
    await sql.unsafe("set log_statement = 'none'");
    await sql.unsafe(`alter role ${username} password ${literal}`);
  } finally {
    await sql.end();
  }
}
