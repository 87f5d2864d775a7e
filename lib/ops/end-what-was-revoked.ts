/** Sees to it that nothing which was revoked after a backup comes back to life with it: by what is known of it, or else by ending everything. */
import { carryRecords, carryUsers } from '../store/carry-administration.ts';
import { advanceEvents, carryEvents, overlapMs, readFormerEvents } from '../store/carry-events.ts';
import { carryOver, forgetCodes } from '../store/carry-over.ts';
import type { Database } from '../store/database.ts';
import { readLineage } from '../store/databases.ts';
import { forgetTrail } from '../store/event-relay.ts';
import { type ReplayedPages, replayEvents } from '../store/replay-events.ts';
import { raiseWatermark } from '../store/token-revocation.ts';

/** How it was made sure. */
export type RevocationSource =
  /** The database that served until now knows everything. */
  | 'former database'
  /** That one is lost; the trail of events outside of it is complete. */
  | 'trail of events'
  /** Nobody knows all of it: whatever was issued before the restore has ended. */
  | 'everything ended';

export interface Revoked {
  readonly source: RevocationSource;
  /** Rows that ended or changed, by their table. */
  readonly changed: Readonly<Record<string, number>>;
}

/** The trail outside of the database. */
export interface Trail {
  /** Whether it has all that happened since an instant. */
  readonly complete: boolean;
  /** What of that it has; undefined where there is no trail of that database. */
  readonly events: ReplayedPages | undefined;
  /** Number of the last event that is in it; undefined where that is not known. */
  readonly sequence: string | undefined;
}

function add(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = { ...one };
  for (const [table, count] of Object.entries(other)) sum[table] = (sum[table] ?? 0) + count;
  return sum;
}

/**
 * What is there in the database that serves is taken over as it is there. What is missing there may have been deleted by right, or be what the
 * restore is for: only events tell.
 * @param fresh the restored database, as its owner
 * @param former the one that serves now
 * @param takenAt instant of the backup
 * @param readTrail asked, with the lineage of what was backed up, where that one is another one or has lost its events
 * @param signal gives it up
 */
export async function endWhatWasRevoked(
  fresh: Database,
  former: Database,
  takenAt: Date,
  readTrail: (lineage: string | undefined) => Promise<Trail>,
  now: Date,
  signal: AbortSignal,
): Promise<Revoked> {
  await forgetTrail(fresh);
  const lineage = await readLineage(fresh);
  const isSame = lineage !== undefined && lineage === (await readLineage(former));
  const known = isSame ? await readFormerEvents(fresh, former) : undefined;
  // What was recorded before may be committed after.
  const since = new Date(takenAt.getTime() - overlapMs);
  const carried = isSame ? await carryOver(fresh, former, since, signal) : { authorization_codes: await forgetCodes(fresh) };
  const trail = known === undefined ? await readTrail(lineage) : undefined;
  const events = known ?? trail?.events;
  // A trail that is not complete is true all the same: a password that was changed does not come back.
  const changed = events === undefined ? carried : add(carried, await replayEvents(fresh, events, signal));
  const isAll = known !== undefined || trail?.complete === true;
  if (!isAll) await raiseWatermark(fresh, { sessions: true, before: now }, now);
  // The last of all: a run that was cut off tells by them how far it came.
  if (isSame) await carryEvents(fresh, former, signal);
  if (trail?.sequence !== undefined) await advanceEvents(fresh, trail.sequence);
  return { source: known ? 'former database' : isAll ? 'trail of events' : 'everything ended', changed };
}

/** Takes over the accounts whose password was changed, before their events say that it is gone. */
async function* carryPasswords(pages: ReplayedPages, restored: Database, former: Database): ReplayedPages {
  for await (const page of pages) {
    const changed = page.flatMap(({ type, data }) => (type === 'user_password_changed' ? [String(data.user_id)] : []));
    if (changed.length > 0) await carryUsers(restored, former, changed);
    yield page;
  }
}

/** Brings over what was ended in the former database after that, and before nobody could reach it any more. @param signal gives it up */
export async function catchUp(restored: Database, former: Database, signal: AbortSignal): Promise<void> {
  const lineage = await readLineage(restored);
  if (lineage === undefined || lineage !== (await readLineage(former))) return;
  const events = await readFormerEvents(restored, former);
  if (events !== undefined) await replayEvents(restored, carryPasswords(events, restored, former), signal);
  await carryRecords(restored, former);
  await carryEvents(restored, former, signal);
}
