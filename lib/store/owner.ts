/** Makes the role that owns the schema, as the database's administrator; the other roles are made by the migrations. */
import type { Database } from './database.ts';

/** The role that migrations run as. */
const owner = 'oauth2_migrator';

/**
 * Creates the owner where it is missing and gives it what migrations need; may be run again.
 * @param db a connection as the administrator of the database, who owns it
 * @returns whether the role was new
 */
export async function ensureOwner(db: Database): Promise<boolean> {
  const [found] = await db.ask<{ exists: boolean; iam: boolean; database: string }>(
    'find-owner',
    db.sql`
      select exists (select from pg_roles where rolname = ${owner}) as exists,
        exists (select from pg_roles where rolname = 'rds_iam') as iam,
        quote_ident(current_database()) as database`,
  );
  if (!found) return false;
  const statements = [
    ...(found.exists ? [] : [`create role ${owner} login createrole`]),
    // RDS authenticates members of this role by IAM token; the migrations pass it on to the roles that they create.
    ...(found.iam ? [`grant rds_iam to ${owner} with admin option`] : []),
    `grant connect, create, temporary on database ${found.database} to ${owner} with grant option`,
    // Only a member may make somebody the owner of a schema.
    `grant ${owner} to current_user`,
    `alter schema public owner to ${owner}`,
  ];
  for (const statement of statements) await db.ask('ensure-owner', db.sql.unsafe(statement));
  return !found.exists;
}
