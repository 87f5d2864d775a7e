/** Brings into a restored database what the one it takes the place of knows to be over: revoked, rotated, ended, disabled or replaced since the backup. */
import { carryAdministration } from './carry-administration.ts';
import type { Database } from './database.ts';

// What is missing there says nothing, as it may be what the restore is for: events tell of it.

/** Rows that ended, table by table. */
export type Carried = Readonly<Record<string, number>>;

type Row = Readonly<Record<string, unknown>>;

/** Rows of one step. */
const batch = 1000;

interface Followed {
  readonly table: string;
  /** Asks the restored database for what is still good there, after the last key of the step before. */
  live(fresh: Database, after: string | null): Promise<Row[]>;
  /** Asks the former database for the present state of those rows. */
  present(former: Database, keys: string): Promise<Row[]>;
  /** Gives the rows that state. @returns how many ended */
  end(fresh: Database, rows: string): Promise<number>;
}

const question = (table: string) => `carry-${table}`;

/** How many rows a statement that returns them touched. */
async function touched(db: Database, table: string, query: Parameters<Database['ask']>[1]): Promise<number> {
  return (await db.ask(question(table), query)).length;
}

const families: Followed = {
  table: 'token_families',
  live: (db, after) =>
    db.ask(
      'list-live-families',
      db.sql`
        select family_id as key from token_families where revoked_at is null and (${after}::uuid is null or family_id > ${after}::uuid)
        order by family_id limit ${batch}`,
    ),
  present: (db, keys) =>
    db.ask(
      'read-families',
      db.sql`
        select family_id as key, encode(refresh_hash, 'hex') as refresh_hash, refresh_expires_at, generation,
          encode(previous_hash, 'hex') as previous_hash, rotated_at, encode(successor_sealed, 'hex') as successor_sealed, revoked_at, revoked_because
        from token_families where family_id in (select k::uuid from jsonb_array_elements_text(${keys}::text::jsonb) as k)`,
    ),
  async end(db, rows) {
    const { sql } = db;
    const changed = await db.ask<{ revoked: boolean }>(
      question('token_families'),
      sql`
        update token_families f set refresh_hash = decode(r.refresh_hash, 'hex'), refresh_expires_at = r.refresh_expires_at, generation = r.generation,
          previous_hash = decode(r.previous_hash, 'hex'), rotated_at = r.rotated_at, successor_sealed = decode(r.successor_sealed, 'hex'),
          revoked_at = r.revoked_at, revoked_because = r.revoked_because
        from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, refresh_hash text, refresh_expires_at timestamptz, generation integer,
          previous_hash text, rotated_at timestamptz, successor_sealed text, revoked_at timestamptz, revoked_because text)
        where f.family_id = r.key and (f.generation <> r.generation or r.revoked_at is not null)
        returning f.revoked_at is not null as revoked`,
    );
    return changed.filter(({ revoked }) => revoked).length;
  },
};

const sessions: Followed = {
  table: 'sessions',
  live: (db, after) =>
    db.ask(
      'list-live-sessions',
      db.sql`
        select session_id as key from sessions where ended_at is null and (${after}::uuid is null or session_id > ${after}::uuid)
        order by session_id limit ${batch}`,
    ),
  present: (db, keys) =>
    db.ask(
      'read-sessions',
      db.sql`
        select session_id as key, ended_at from sessions
        where session_id in (select k::uuid from jsonb_array_elements_text(${keys}::text::jsonb) as k)`,
    ),
  end: (db, rows) =>
    touched(
      db,
      'sessions',
      db.sql`
        update sessions s set ended_at = r.ended_at from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, ended_at timestamptz)
        where s.session_id = r.key and r.ended_at is not null returning 1`,
    ),
};

const accessTokens: Followed = {
  table: 'access_tokens',
  live: (db, after) =>
    db.ask(
      'list-live-tokens',
      db.sql`
        select jti as key, expires_at from access_tokens
        where revoked_at is null and expires_at > now() and (${after}::uuid is null or jti > ${after}::uuid)
        order by jti limit ${batch}`,
    ),
  present: (db, keys) =>
    db.ask(
      'read-tokens',
      db.sql`
        select jti as key, expires_at, revoked_at from access_tokens
        where revoked_at is not null and jti in (select k::uuid from jsonb_array_elements_text(${keys}::text::jsonb) as k)`,
    ),
  end: (db, rows) =>
    touched(
      db,
      'access_tokens',
      db.sql`
        update access_tokens t set revoked_at = r.revoked_at
        from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, expires_at timestamptz, revoked_at timestamptz)
        where t.expires_at = r.expires_at and t.jti = r.key returning 1`,
    ),
};

/** Walks once through what is still good in the restored database, and ends what the former one knows to have ended. */
async function follow(fresh: Database, former: Database, followed: Followed): Promise<number> {
  let ended = 0;
  for (let after: string | null = null; ; ) {
    const rows: Row[] = await followed.live(fresh, after);
    const keys = rows.map(({ key }) => String(key));
    if (keys.length === 0) return ended;
    ended += await followed.end(fresh, JSON.stringify(await followed.present(former, JSON.stringify(keys))));
    if (keys.length < batch) return ended;
    after = keys.at(-1) as string;
  }
}

/**
 * @param fresh the restored database, as its owner
 * @param former the one that it takes the place of, of the same lineage
 */
export async function carryOver(fresh: Database, former: Database): Promise<Carried> {
  const administration = await carryAdministration(fresh, former);
  const followed = [families, sessions, accessTokens];
  const counts: [string, number][] = [];
  for (const one of followed) counts.push([one.table, await follow(fresh, former, one)]);
  return { ...administration, ...Object.fromEntries(counts), authorization_codes: await forgetCodes(fresh) };
}

/** Codes live for a minute: one that the backup holds as unused may have been exchanged since. @returns how many there were */
export function forgetCodes(fresh: Database): Promise<number> {
  return touched(fresh, 'authorization_codes', fresh.sql`delete from authorization_codes where redeemed_at is null returning 1`);
}
