/** Makes the role that owns database and schema, as the server's administrator; the other roles are made by the migrations. */
import type { Database } from './database.ts';
import { beginTransaction } from './transaction.ts';

/** The role that migrations run as. */
const owner = 'oauth2_migrator';

/**
 * Creates the owner where it is missing and gives it what migrations and restores need; may be run again.
 * @param db one connection as the administrator, who owns the database or is a member of the role that does
 * @returns whether the role was new
 */
export async function ensureOwner(db: Database): Promise<boolean> {
  // In maintenance mode too: a restore, and a deploy that mends something, come by here.
  await db.ask('work-in-maintenance', db.sql`set default_transaction_read_only = off`);
  const [found] = await db.ask<{
    exists: boolean;
    creates: boolean;
    iam: boolean;
    monitors: boolean;
    extends: boolean;
    database: string;
    owned: boolean;
  }>(
    'find-owner',
    db.sql`
      select exists (select from pg_roles where rolname = ${owner}) as exists,
        exists (select from pg_roles where rolname = ${owner} and rolcreatedb) as creates,
        exists (select from pg_roles where rolname = 'rds_iam') as iam,
        exists (select from pg_auth_members where roleid = 'pg_monitor'::regrole and admin_option and pg_has_role(member, 'usage')) as monitors,
        -- On RDS this role may create it; a superuser may everywhere.
        exists (select from pg_roles r where (r.rolsuper or r.rolname = 'rds_superuser') and pg_has_role(r.oid, 'usage'))
          and exists (select from pg_available_extensions where name = 'pg_stat_statements') as extends,
        quote_ident(current_database()) as database,
        exists (select from pg_database where datname = current_database() and pg_get_userbyid(datdba) = ${owner}) as owned`,
  );
  if (!found) return false;
  const statements = [
    ...(found.exists ? [] : [`create role ${owner} login createrole createdb`]),
    // A restore makes a database beside this one and changes their names.
    ...(found.exists && !found.creates ? [`alter role ${owner} createdb`] : []),
    // RDS authenticates members of this role by IAM token; the migrations pass it on to the roles that they create.
    ...(found.iam ? [`grant rds_iam to ${owner} with admin option`] : []),
    // The migrations pass it on to the role that reports: statistics of every role, no rows.
    ...(found.monitors ? [`grant pg_monitor to ${owner} with admin option`] : []),
    // Only an administrator may create it; without it the slowest statements are not known.
    ...(found.extends ? ['create extension if not exists pg_stat_statements'] : []),
    // Only a member may make somebody the owner.
    `grant ${owner} to current_user`,
    // Maintenance mode is a setting of the database, and only its owner may change those.
    ...(found.owned ? [] : [`alter database ${found.database} owner to ${owner}`]),
    `alter schema public owner to ${owner}`,
    // And only for so long: to RDS, who inherits from a role that inherits from rds_iam comes in by token alone, and no more by password.
    `revoke ${owner} from current_user`,
  ];
  await beginTransaction(db.sql, async (sql) => {
    for (const statement of statements) await sql.unsafe(statement);
  });
  return !found.exists;
}

/**
 * Whether the owner is there and may log in; changes nothing.
 * @param db a connection as the administrator
 */
export async function isOwnerThere(db: Database): Promise<boolean> {
  const [row] = await db.ask<{ there: boolean }>(
    'is-owner-there',
    db.sql`
      select exists (select from pg_roles where rolname = ${owner}) and not exists (
        select from pg_roles r where r.rolname = 'rds_iam'
          and not exists (select from pg_auth_members m join pg_roles o on o.oid = m.member where m.roleid = r.oid and o.rolname = ${owner})
      ) as there`,
  );
  return row?.there ?? false;
}

/** Whether the role is there that backups are made as. */
export async function canBackUp(db: Database): Promise<boolean> {
  const [row] = await db.ask<{ there: boolean }>(
    'can-back-up',
    db.sql`select exists (select from pg_roles where rolname = 'oauth2_backup') as there`,
  );
  return row?.there ?? false;
}
