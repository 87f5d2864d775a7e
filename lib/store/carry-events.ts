/** Reads what the database that served has recorded since a backup, and keeps its events with their numbers in the restored one. */
import { listReplayed } from '../event-types.ts';
import { headroom } from './carry-administration.ts';
import type { Database } from './database.ts';
import type { ReplayedEvent, ReplayedPages } from './replay-events.ts';

/** What was recorded before may be committed after: events of the last while before a backup count as later ones, in milliseconds. */
export const overlapMs = 3_600_000;

/** Events of the backup that have to be in the other database too: a purge leaves the older ones out first. */
const witnesses = 20;

/** Events that are read and written together. */
const page = 1000;
/** Events that are read together to be carried out again: those in order are few, and no index has their order. */
const replayedPage = 5000;

interface Witness {
  readonly event_id: string;
  readonly sequence: string;
  readonly at: Date;
}

/**
 * From when on the former database knows every event that the restored one may lack.
 * @returns undefined where its events do not reach back to the backup: purged, or lost with the rest
 */
async function findOverlap(fresh: Database, former: Database): Promise<Date | undefined> {
  const [bounds] = await former.ask<{ first: string; last: string }>(
    'bounds-of-former-events',
    former.sql`select coalesce(min(sequence), 1)::text as first, coalesce(max(sequence), 0)::text as last from events`,
  );
  const { first = '1', last = '0' } = bounds ?? {};
  const [any] = await fresh.ask<{ any: boolean }>('has-events', fresh.sql`select exists (select from events) as any`);
  if (!any?.any) return first === '1' ? new Date(0) : undefined;
  const newest = await fresh.ask<Witness>(
    'last-events-of-backup',
    fresh.sql`select event_id, sequence, at from events where sequence <= ${last}::bigint order by sequence desc limit ${witnesses}`,
  );
  if (newest.length === 0) return undefined;
  const found = await former.ask(
    'find-events-of-backup',
    former.sql`
      select 1 from events e join jsonb_to_recordset(${JSON.stringify(newest)}::text::jsonb) as w (event_id uuid, sequence bigint, at timestamptz)
        on e.at = w.at and e.sequence = w.sequence and e.event_id = w.event_id`,
  );
  if (found.length < newest.length) return undefined;
  return new Date(Math.max(...newest.map(({ at }) => at.getTime())) - overlapMs);
}

/** @returns what has to be carried out again; undefined where the former database does not know all of it */
export async function readFormerEvents(fresh: Database, former: Database): Promise<ReplayedPages | undefined> {
  const since = await findOverlap(fresh, former);
  return since && readPages(former, since);
}

type FormerEvent = Pick<Witness, 'at' | 'sequence'> & Pick<ReplayedEvent, 'type' | 'data'>;

async function* readPages(former: Database, since: Date): ReplayedPages {
  const kept = (rows: readonly FormerEvent[]) => rows.map(({ type, at, data }) => ({ type, time: at.toISOString(), data }));
  for (let last: Pick<Witness, 'at' | 'sequence'> = { at: since, sequence: '-1' }; ; ) {
    const rows: FormerEvent[] = await former.ask<FormerEvent>(
      'list-former-ends',
      former.sql`
        select sequence, type, at, data from events
        where (at, sequence) > (${last.at}::timestamptz, ${last.sequence}::bigint)
          and type = any (${former.sql.typed.texts(listReplayed('in any order'))})
        order by at, sequence limit ${replayedPage}`,
    );
    yield kept(rows);
    const end = rows.at(-1);
    if (end === undefined || rows.length < replayedPage) break;
    last = end;
  }
  for (let after = '-1'; ; ) {
    const rows: FormerEvent[] = await former.ask<FormerEvent>(
      'list-former-events',
      former.sql`
        select sequence, type, at, data from events
        where at >= ${since} and sequence > ${after}::bigint and type = any (${former.sql.typed.texts(listReplayed('in order'))})
        order by sequence limit ${replayedPage}`,
    );
    yield kept(rows);
    const end = rows.at(-1);
    if (end === undefined || rows.length < replayedPage) break;
    after = end.sequence;
  }
}

/** Sees to it that new events get higher numbers than any that was, or may soon be, given out. @param sequence the last one that is known */
export async function advanceEvents({ ask, sql }: Database, sequence: string): Promise<void> {
  await ask(
    'advance-events',
    sql`
      select setval(pg_get_serial_sequence('events', 'sequence'),
        greatest(${sequence}::bigint + ${headroom}::integer, (select last_value from events_sequence_seq), (select coalesce(max(sequence), 1) from events)))`,
  );
}

/**
 * Brings over what was recorded since: it stays on record, what waits is still delivered, and no number is given out twice. After everything
 * else, as it is what tells how far a restore has come.
 * @param signal gives it up
 * @returns how many there were
 */
export async function carryEvents(fresh: Database, former: Database, signal: AbortSignal): Promise<number> {
  const [from] = await fresh.ask<{ at: Date | null }>('last-event-of-backup', fresh.sql`select max(at) as at from events`);
  let carried = 0;
  let last: Pick<Witness, 'at' | 'sequence'> = { at: new Date((from?.at?.getTime() ?? overlapMs) - overlapMs), sequence: '-1' };
  for (;;) {
    signal.throwIfAborted();
    const rows = await former.ask<Pick<Witness, 'at' | 'sequence'> & { row: object }>(
      'read-former-events',
      former.sql`
        select at, sequence, to_jsonb(e) as row from events e where (at, sequence) > (${last.at}::timestamptz, ${last.sequence}::bigint)
        order by at, sequence limit ${page}`,
    );
    const end = rows.at(-1);
    if (end === undefined) break;
    last = end;
    const added = await fresh.ask(
      'carry-events',
      fresh.sql`
        insert into events overriding system value
        select * from jsonb_populate_recordset(null::events, ${JSON.stringify(rows.map(({ row }) => row))}::text::jsonb)
        on conflict (at, sequence) do nothing returning 1`,
    );
    carried += added.length;
    if (rows.length < page) break;
  }
  const [top] = await former.ask<{ sequence: string }>(
    'last-former-event',
    former.sql`select last_value::text as sequence from events_sequence_seq`,
  );
  await advanceEvents(fresh, top?.sequence ?? '1');
  return carried;
}
