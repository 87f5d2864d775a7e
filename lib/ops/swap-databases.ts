/** Puts a restored database in the place of the one that served, takes that back, or removes what was kept: by names alone, each step from any state. */

import { carryAuditLog } from '../store/carry-administration.ts';
import {
  closeDatabase,
  dropDatabase,
  listDatabases,
  maintenanceDatabase,
  noteDatabase,
  readNote,
  renameDatabase,
  reopenDatabase,
} from '../store/databases.ts';
import { isInMaintenance, setMaintenance } from '../store/maintenance.ts';
import { log } from '../telemetry.ts';
import { ProcedureFault } from './input.ts';
import { type RestoreTools, withDatabase } from './load-backup.ts';

/** What the databases of a restore are called. */
export interface RestoreNames {
  /** The one that serves. */
  readonly live: string;
  /** Beside it, until it takes its place. */
  readonly fresh: string;
  /** The one that served before, kept until somebody discards it. */
  readonly former: string;
}

const freshMark = '_restored_';
const formerMark = '_before_';

/** @param run letters and digits that tell restores apart */
export const namesOf = (live: string, run: string): RestoreNames => ({
  live,
  fresh: `${live}${freshMark}${run}`,
  former: `${live}${formerMark}${run}`,
});

type Server = Parameters<Parameters<typeof withDatabase>[2]>[0];

async function rename(server: Server, from: string, to: string): Promise<void> {
  const left = await closeDatabase(server, from);
  if (left.length > 0)
    throw new ProcedureFault('in_use', `${left.join(', ')} still works in ${from}: end that session, then run it again`, false);
  await renameDatabase(server, from, to);
}

/** Requests that come between the two renames are answered 503, for the blink of an eye. */
export async function swapDatabases(tools: RestoreTools, { live, fresh, former }: RestoreNames): Promise<void> {
  const known = await withDatabase(tools, maintenanceDatabase, (server) => listDatabases(server, live));
  const isSwapped = known.includes(former) && known.includes(live) && !known.includes(fresh);
  if (!isSwapped && !known.includes(fresh)) throw new ProcedureFault('nothing_to_swap', `there is no database ${fresh}`, false);
  // Nothing is written before the restored one has been found well.
  if (!isSwapped) await withDatabase(tools, fresh, (db) => setMaintenance(db, true));
  await withDatabase(tools, maintenanceDatabase, async (server) => {
    if (!isSwapped && !known.includes(former)) await rename(server, live, former);
    if (!isSwapped) await rename(server, fresh, live);
    // Also where a run before was cut off behind the last name.
    await reopenDatabase(server, live);
    await reopenDatabase(server, former);
  });
}

/** What was done while the restored database served stays on record, as far as it can be read: the way back does not depend on it. */
async function keepOnRecord(tools: RestoreTools, server: Server, live: string, fresh: string): Promise<void> {
  try {
    await reopenDatabase(server, fresh);
    await withDatabase(tools, live, (serving) => withDatabase(tools, fresh, (leaving) => carryAuditLog(serving, leaving)));
  } catch (cause) {
    log('warn', 'procedure', {
      procedure: 'restore-step',
      detail: `the audit log of ${fresh} is lost with it: ${String(cause)}`,
    });
  }
}

/** Whatever was done, the database that served before serves again, and the restored one is gone. @returns what is left of maintenance mode */
export async function takeBack(tools: RestoreTools, { live, fresh, former }: RestoreNames): Promise<{ maintenance: boolean }> {
  await withDatabase(tools, maintenanceDatabase, async (server) => {
    const known = await listDatabases(server, live);
    const served = known.includes(former) && known.includes(live);
    if (known.includes(former)) {
      if (served) await rename(server, live, fresh);
      await rename(server, former, live);
    } else if (!known.includes(live)) {
      // One that was cut off between two names, by whoever stopped it: the database that served is the last one that got such a name.
      const last = known.filter((name) => name.startsWith(`${live}${formerMark}`)).at(-1);
      if (last === undefined)
        throw new ProcedureFault('nothing_to_serve', `there is neither a database ${live} nor one that was it`, false);
      await rename(server, last, live);
    }
    await reopenDatabase(server, live);
    if (served) await keepOnRecord(tools, server, live, fresh);
    await dropDatabase(server, fresh);
  });
  return { maintenance: await withDatabase(tools, live, isInMaintenance) };
}

/** Removes what restores that were cut off have left: they take as much room as the database itself. */
export async function dropLeftovers({ open }: Pick<RestoreTools, 'open'>, live: string): Promise<void> {
  await withDatabase({ open }, maintenanceDatabase, async (server) => {
    for (const name of await listDatabases(server, `${live}${freshMark}`)) await dropDatabase(server, name);
  });
}

/** Removes every database that a restore kept, and what one that was cut off left. @returns their names */
export async function discardFormer({ open }: Pick<RestoreTools, 'open'>, live: string): Promise<string[]> {
  return withDatabase({ open }, maintenanceDatabase, async (server) => {
    const kept = (await listDatabases(server, live)).filter(
      (name) => name.startsWith(`${live}${formerMark}`) || name.startsWith(`${live}${freshMark}`),
    );
    for (const name of kept) await dropDatabase(server, name);
    return kept;
  });
}

export interface KeptDatabase {
  readonly name: string;
  /** Why no backup was taken of it before it was restored over. */
  readonly unsaved: string | undefined;
}

/** Says at a database why there is no safety backup of it; undefined: there is one. */
export async function noteUnsaved({ open }: Pick<RestoreTools, 'open'>, name: string, unsaved?: string): Promise<void> {
  await withDatabase({ open }, maintenanceDatabase, (server) => noteDatabase(server, name, unsaved ?? null));
}

/** Databases that restores have kept. */
export async function listKept({ open }: Pick<RestoreTools, 'open'>, live: string): Promise<KeptDatabase[]> {
  return withDatabase({ open }, maintenanceDatabase, async (server) => {
    const kept: KeptDatabase[] = [];
    for (const name of await listDatabases(server, `${live}${formerMark}`))
      kept.push({ name, unsaved: await readNote(server, name) });
    return kept;
  });
}
