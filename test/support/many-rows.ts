/** Rows as many as a busy client has, and statements that do not end in time. */
import type postgres from 'postgres';
import type { Database } from '../../lib/store/database.ts';

/** Of whoever arranges rows: the owner of the schema, or the superuser. */
type Sql = postgres.Sql | Database['sql'];

/** Token families without tokens, as many as a busy client or account has. */
export async function addFamilies(sql: Sql, fields: { client_id: string; subject: string }, count: number): Promise<void> {
  await sql.unsafe(
    `insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at)
     select gen_random_uuid(), $1, $2, gen_random_uuid(), 'openid', '{}', now(), '{pwd}', true, now(), now() + interval '1 day'
     from generate_series(1, $3::integer)`,
    [fields.client_id, fields.subject, count],
  );
}

/**
 * Lets a statement fail that changes more rows of a table than so many, as one that takes too long does.
 * @returns what takes that back
 */
export async function limitRows(sql: Sql, table: 'token_families' | 'sessions', most: number): Promise<() => Promise<unknown>> {
  await sql.unsafe(`
    create function limit_${table}() returns trigger language plpgsql as $$ begin
      if (select count(*) from changed) > ${most} then raise exception 'too many rows' using errcode = '57014'; end if;
      return null;
    end $$;
    create trigger few after update on ${table} referencing new table as changed for each statement execute function limit_${table}()`);
  return () => sql.unsafe(`drop trigger few on ${table}; drop function limit_${table}()`);
}

/** Keeps everybody from a table while some work is done, so that a statement about it takes too long. */
export async function whileLocked<T>(holder: Database, table: string, work: () => Promise<T>): Promise<T> {
  return (await holder.sql.begin(async (transaction) => {
    await transaction.unsafe(`lock table ${table}`);
    return work();
  })) as T;
}
