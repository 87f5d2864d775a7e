/** Counts failures in windows of time, so that guessing becomes slow. */
import type { Database } from './database.ts';

/**
 * Counts an attempt against buckets, before it is known whether it fails, so that parallel guesses are counted too.
 * @param seconds length of the window, from its first failure
 * @returns for each bucket, in the order given, its failures and the seconds until it resets
 */
export async function countAttempt(
  db: Database,
  buckets: readonly Uint8Array[],
  seconds: number,
  now: Date,
): Promise<{ failures: number; resets_in: number }[]> {
  const resetsAt = new Date(now.getTime() + seconds * 1000);
  const rows = await db.ask<{ bucket: Uint8Array; failures: number; resets_at: Date }>(
    'count-attempt',
    db.sql`
      insert into throttles as t (bucket, failures, resets_at)
      select decode(value, 'hex'), 1, ${resetsAt}::timestamptz
      from unnest(${db.sql.typed.texts([...new Set(buckets.map((bucket) => Buffer.from(bucket).toString('hex')))].sort())}) as value
      on conflict (bucket) do update set
        failures = case when t.resets_at <= ${now} then 1 else t.failures + 1 end,
        resets_at = case when t.resets_at <= ${now} then excluded.resets_at else t.resets_at end
      returning bucket, failures, resets_at`,
  );
  return buckets.map((bucket) => {
    const row = rows.find((candidate) => Buffer.from(bucket).equals(candidate.bucket));
    return {
      failures: row?.failures ?? 0,
      resets_in: Math.max(1, Math.ceil(((row?.resets_at.getTime() ?? 0) - now.getTime()) / 1000)),
    };
  });
}

/** Takes a counted attempt back: it succeeded. */
export async function forgiveAttempt(db: Database, buckets: readonly Uint8Array[]): Promise<void> {
  await db.ask(
    'forgive-attempt',
    db.sql`
      with locked as (
        select bucket from throttles
        where bucket in (select decode(value, 'hex') from unnest(${db.sql.typed.texts(buckets.map((b) => Buffer.from(b).toString('hex')))}) as value)
        -- In the order in which attempts are counted: parallel sign-ins must not deadlock.
        order by bucket for update
      )
      update throttles t set failures = greatest(t.failures - 1, 0) from locked where t.bucket = locked.bucket`,
  );
}
