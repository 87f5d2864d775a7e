/** Counts failures in windows of time, so that guessing becomes slow. */
import type { Database } from './database.ts';
import { aboutClient, andRecord } from './event-recording.ts';

/**
 * Counts an attempt against buckets, before it is known whether it fails, so that parallel guesses are counted too.
 * @param seconds length of the window, from its first failure
 * @param failed a known client as which somebody failed to authenticate, with the failures from which on no more events are written
 * @returns for each bucket, in the order given, its failures and the seconds until it resets
 */
export async function countAttempt(
  db: Database,
  buckets: readonly Uint8Array[],
  seconds: number,
  now: Date,
  failed?: { readonly client_id: string; readonly most: number },
): Promise<{ failures: number; resets_in: number }[]> {
  const resetsAt = new Date(now.getTime() + seconds * 1000);
  const rows = await db.ask<{ bucket: Uint8Array; failures: number; resets_at: Date }>(
    'count-attempt',
    db.sql`
      with counted as (
      insert into throttles as t (bucket, failures, resets_at)
      select decode(value, 'hex'), 1, ${resetsAt}::timestamptz
      from unnest(${db.sql.typed.texts([...new Set(buckets.map((bucket) => Buffer.from(bucket).toString('hex')))].sort())}) as value
      on conflict (bucket) do update set
        failures = case when t.resets_at <= ${now} then 1 else t.failures + 1 end,
        resets_at = case when t.resets_at <= ${now} then excluded.resets_at else t.resets_at end
      returning bucket, failures, resets_at
      ) ${
        failed
          ? andRecord(db, now, {
              type: 'client_authentication_failed',
              from: 'counted',
              subject: aboutClient(db, db.sql`${failed.client_id}::text`),
              data: db.sql`'client_id', ${failed.client_id}::text`,
              when: db.sql`failures <= ${failed.most}`,
            })
          : db.sql``
      }
      select bucket, failures, resets_at from counted`,
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
