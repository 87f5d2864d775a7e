/** Brings into a restored database what the one it takes the place of knows to be over: revoked, rotated, ended, disabled or replaced since the backup. */
import { carryAdministration } from './carry-administration.ts';
import type { Database } from './database.ts';
import { isOver, listPartitions } from './partitions.ts';

// What is missing there says nothing, as it may be what the restore is for: events tell of it.

/** Rows that ended, table by table. */
export type Carried = Readonly<Record<string, number>>;

type Row = Readonly<Record<string, unknown>>;

/** Rows that are written together. */
const batch = 1000;
/** Blocks of 8 KiB of the former database that are read together. */
const blocks = 2048;

interface Followed {
  readonly table: string;
  /** What it is made of in the former database. */
  parts(former: Database): Promise<readonly string[]>;
  /** Columns of a row that ended, and the instants that tell of it: nothing ends without one. */
  ended(former: Database, since: Date): { readonly columns: Fragment; readonly when: Fragment };
  /** Gives the rows that state. @returns how many ended */
  end(fresh: Database, rows: string): Promise<number>;
}

type Fragment = ReturnType<Database['sql']>;

const question = (table: string) => `carry-${table}`;

/** How many rows a statement that returns them touched. */
async function touched(db: Database, table: string, query: Parameters<Database['ask']>[1]): Promise<number> {
  return (await db.ask(question(table), query)).length;
}

const families: Followed = {
  table: 'token_families',
  parts: async () => ['token_families'],
  ended: ({ sql }, since) => ({
    columns: sql`
      family_id as key, encode(refresh_hash, 'hex') as refresh_hash, refresh_expires_at, generation,
      encode(previous_hash, 'hex') as previous_hash, rotated_at, encode(successor_sealed, 'hex') as successor_sealed, revoked_at, revoked_because`,
    // A refresh token that was used up is over as well.
    when: sql`revoked_at >= ${since} or rotated_at >= ${since}`,
  }),
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
        where f.family_id = r.key and f.revoked_at is null and (f.generation <> r.generation or r.revoked_at is not null)
        returning f.revoked_at is not null as revoked`,
    );
    return changed.filter(({ revoked }) => revoked).length;
  },
};

const sessions: Followed = {
  table: 'sessions',
  parts: async () => ['sessions'],
  ended: ({ sql }, since) => ({ columns: sql`session_id as key, ended_at`, when: sql`ended_at >= ${since}` }),
  end: (db, rows) =>
    touched(
      db,
      'sessions',
      db.sql`
        update sessions s set ended_at = r.ended_at from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, ended_at timestamptz)
        where s.session_id = r.key and s.ended_at is null returning 1`,
    ),
};

const accessTokens: Followed = {
  table: 'access_tokens',
  parts: async (former) => (await listPartitions(former)).filter((name) => !isOver(name, new Date())),
  ended: ({ sql }, since) => ({
    columns: sql`jti as key, expires_at, revoked_at`,
    when: sql`revoked_at >= ${since} and expires_at > now()`,
  }),
  end: (db, rows) =>
    touched(
      db,
      'access_tokens',
      db.sql`
        update access_tokens t set revoked_at = r.revoked_at
        from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, expires_at timestamptz, revoked_at timestamptz)
        where t.expires_at = r.expires_at and t.jti = r.key and t.revoked_at is null returning 1`,
    ),
};

/** Whether it is this part of a table that is not there any more. */
const isGone = (cause: unknown, part: string) =>
  cause instanceof Error && 'code' in cause && cause.code === '42P01' && cause.message.includes(`"${part}"`);

/**
 * Reads the former database once from end to end, and ends in the restored one what ended there since. Requests write nothing there meanwhile;
 * what an operator ends is told by its event.
 */
async function follow(fresh: Database, former: Database, followed: Followed, since: Date, signal: AbortSignal): Promise<number> {
  let ended = 0;
  for (const part of await followed.parts(former)) {
    try {
      for await (const rows of readEnded(former, part, followed, since)) {
        signal.throwIfAborted();
        for (let next = 0; next < rows.length; next += batch)
          ended += await followed.end(fresh, JSON.stringify(rows.slice(next, next + batch)));
      }
    } catch (cause) {
      // A day that is over by now has left, with tokens that have all expired.
      if (part === followed.table || !isGone(cause, part)) throw cause;
    }
  }
  return ended;
}

async function* readEnded(former: Database, part: string, { table, ended }: Followed, since: Date): AsyncGenerator<Row[]> {
  const { columns, when } = ended(former, since);
  const [size] = await former.ask<{ blocks: number }>(
    `measure-${table}`,
    former.sql`select (pg_relation_size(${part}::regclass) / current_setting('block_size')::integer)::integer as blocks`,
  );
  for (let first = 0; first < (size?.blocks ?? 0); first += blocks)
    yield await former.ask<Row>(
      `read-${table}`,
      former.sql`
        select ${columns} from ${former.sql(part)}
        where ctid >= ${`(${first},0)`}::tid and ctid < ${`(${first + blocks},0)`}::tid and (${when})`,
    );
}

/**
 * @param fresh the restored database, as its owner
 * @param former the one that it takes the place of, of the same lineage
 * @param since what ended before is over in the restored one as well
 * @param signal gives it up
 */
export async function carryOver(fresh: Database, former: Database, since: Date, signal: AbortSignal): Promise<Carried> {
  const administration = await carryAdministration(fresh, former);
  const followed = [families, sessions, accessTokens];
  const counts: [string, number][] = [];
  for (const one of followed) counts.push([one.table, await follow(fresh, former, one, since, signal)]);
  return { ...administration, ...Object.fromEntries(counts), authorization_codes: await forgetCodes(fresh) };
}

/** Codes live for a minute: one that the backup holds as unused may have been exchanged since. @returns how many there were */
export function forgetCodes(fresh: Database): Promise<number> {
  return touched(fresh, 'authorization_codes', fresh.sql`delete from authorization_codes where redeemed_at is null returning 1`);
}
