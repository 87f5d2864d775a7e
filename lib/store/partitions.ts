/** Keeps the daily partitions of access_tokens: those ahead are there before they are needed, those behind leave whole. */
import { type Database, DatabaseUnavailable } from './database.ts';
import { inTransaction } from './transaction.ts';

/** A request may wait this long for us, in milliseconds: a purge that cannot have its lock tries again later. */
const lockTimeoutMs = 100;
const attempts = 20;
/** Number of the lock that keeps two of us apart; held to the end of a transaction. */
const lock = 4_715_113;
const dayMs = 86_400_000;

/** `access_tokens_20261123` holds the tokens that expire on that day, in UTC. */
export function partitionName(day: Date): string {
  return `access_tokens_${day.toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The UTC day of a partition by its name, or undefined where the name is none of ours (the default partition). */
export function partitionDay(name: string): Date | undefined {
  const parts = /^access_tokens_(\d{4})(\d{2})(\d{2})$/.exec(name);
  return parts ? new Date(`${parts[1]}-${parts[2]}-${parts[3]}T00:00:00.000Z`) : undefined;
}

/** The start of each UTC day from today, `count` of them. */
export function daysAhead(now: Date, count: number): Date[] {
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  return Array.from({ length: count }, (_, index) => new Date(today + index * dayMs));
}

/** Whether a partition's day is over, so that every token in it has expired. */
export function isOver(name: string, now: Date): boolean {
  const day = partitionDay(name);
  return day !== undefined && day.getTime() + dayMs <= now.getTime();
}

/** Names of the partitions of access_tokens, the default one included. */
export async function listPartitions(db: Database): Promise<string[]> {
  const rows = await db.ask<{ name: string }>(
    'list-partitions',
    db.sql`select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'access_tokens'::regclass order by c.relname`,
  );
  return rows.map(({ name }) => name);
}

/** A lock that did not come in time, a deadlock, or a row that reached the default partition while we looked. */
function passes(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return /55P03|40P01/.test(error.detail);
  return error instanceof Error && 'code' in error && error.code === '23514';
}

/** Runs a change of the table's shape with a short wait for its lock, as often as it takes. @returns false where it never came */
async function changeShape(db: Database, question: string, change: (transaction: Database) => Promise<void>): Promise<boolean> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      await inTransaction(db, question, async (transaction) => {
        // One after the other: two purges at once would make the same table.
        await transaction.ask(
          'lock-partitions',
          transaction.sql`select set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true), pg_advisory_xact_lock(${lock})`,
        );
        await change(transaction);
      });
      return true;
    } catch (error) {
      if (!passes(error)) throw error;
    }
    // Waiters that queued behind us go first.
    await new Promise((resolve) => setTimeout(resolve, lockTimeoutMs * (1 + Math.random())));
  }
  return false;
}

/**
 * Makes the partition of one day. The new table is filled in beside the others and only attached under a lock.
 * @returns `skipped` where the default partition already has rows of that day, `busy` where the lock never came
 */
export async function createPartition(db: Database, day: Date): Promise<'created' | 'exists' | 'skipped' | 'busy'> {
  const name = partitionName(day);
  const end = new Date(day.getTime() + dayMs);
  let verdict: 'created' | 'exists' | 'skipped' = 'created';
  const done = await changeShape(db, 'create-partition', async (transaction) => {
    const { sql } = transaction;
    const [state] = await transaction.ask<{ exists: boolean; taken: boolean }>(
      'inspect-partition',
      sql`select exists (select from pg_inherits where inhrelid = to_regclass(${name}) and inhparent = 'access_tokens'::regclass) as exists,
        exists (select from access_tokens_default where expires_at >= ${day} and expires_at < ${end}) as taken`,
    );
    verdict = state?.exists ? 'exists' : state?.taken ? 'skipped' : 'created';
    if (verdict !== 'created') return;
    await transaction.ask('create-partition', sql`create table if not exists ${sql(name)} (like access_tokens including all)`);
    const bounds = `from ('${day.toISOString()}') to ('${end.toISOString()}')`;
    await transaction.ask(
      'attach-partition',
      sql`alter table access_tokens attach partition ${sql(name)} for values ${sql.unsafe(bounds)}`,
    );
  });
  return done ? verdict : 'busy';
}

/** Makes the partitions of the days ahead that are missing. @returns the names of those made, and of those that could not be */
export async function createPartitionsAhead(
  db: Database,
  now: Date,
  days: number,
): Promise<{ created: string[]; skipped: string[] }> {
  const known = new Set(await listPartitions(db));
  const created: string[] = [];
  const skipped: string[] = [];
  for (const day of daysAhead(now, days)) {
    const name = partitionName(day);
    if (known.has(name)) continue;
    const verdict = await createPartition(db, day);
    if (verdict === 'created') created.push(name);
    else if (verdict !== 'exists') skipped.push(name);
  }
  return { created, skipped };
}

/** Drops a partition with all its rows. @returns false where its lock never came */
export async function dropPartition(db: Database, name: string): Promise<boolean> {
  return changeShape(db, 'drop-partition', async (transaction) => {
    await transaction.ask('drop-partition', transaction.sql`drop table if exists ${transaction.sql(name)}`);
  });
}
