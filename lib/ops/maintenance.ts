/** Turns maintenance mode on or off: on, whatever would write is answered 503 with Retry-After, and what only reads goes on. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../store/database.ts';
import { endSessionsFromBefore, isInMaintenance, readDatabaseClock, setMaintenance } from '../store/maintenance.ts';
import { onOff, ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface MaintenanceInput {
  readonly on: boolean;
}

interface MaintenanceFacts {
  readonly was_on: boolean;
}

export interface MaintenanceState {
  readonly maintenance: 'on' | 'off';
  readonly was: 'on' | 'off';
  /** Sessions of the request path that were ended, so that new ones take the setting. */
  readonly ended_connections: number;
}

const inWords = (on: boolean) => (on ? 'on' : 'off');

/** A session that was being opened while the setting changed shows itself a moment later; two looks without one are the end. */
const looks = { quiet: 2, most: 40, pause_ms: 100 };

/**
 * Sets the mode and sees to it that no session of the request path is left that began under another one; may be run again.
 * @param db a connection as the owner of the database
 * @returns the number of sessions that were ended
 * @throws {ProcedureFault} where sessions from before stay
 */
export async function switchMaintenance(db: Database, on: boolean): Promise<number> {
  await setMaintenance(db, on);
  const changed = await readDatabaseClock(db);
  let ended = 0;
  for (let look = 0, quiet = 0; quiet < looks.quiet; look += 1) {
    if (look >= looks.most)
      throw new ProcedureFault('sessions_stay', 'sessions from before do not end: run it again, and look at the database', false);
    const found = await endSessionsFromBefore(db, changed);
    quiet = found === 0 ? quiet + 1 : 0;
    // One that does not end at once is met again.
    ended = Math.max(ended, found);
    if (quiet < looks.quiet) await wait(looks.pause_ms);
  }
  if ((await isInMaintenance(db)) !== on)
    throw new ProcedureFault('verification_failed', `maintenance mode is not ${inWords(on)}: somebody else changed it`, false);
  return ended;
}

export const maintenance: ProcedureDefinition<Tools, MaintenanceInput, MaintenanceFacts, MaintenanceState> = {
  name: 'maintenance',
  asks_reason: true,
  input: { on: { ...onOff, required: true } },
  look: async ({ db }) => ({ was_on: await isInMaintenance(db) }),
  plan: ({ on }, { was_on }) => ({
    steps: [
      was_on === on ? `leave maintenance mode ${inWords(on)}, as it is` : `turn maintenance mode ${inWords(on)}`,
      'end the database sessions of the endpoints: each opens a new one with its next request',
      on
        ? 'from then on what writes is answered 503 with Retry-After; discovery, JWKS, introspection and userinfo go on'
        : 'from then on every endpoint serves again',
    ],
  }),
  async apply({ db }, { on }, { was_on }) {
    const ended_connections = await switchMaintenance(db, on);
    return { maintenance: inWords(on), was: inWords(was_on), ended_connections };
  },
  describe: ({ maintenance: state, was }) => `maintenance mode ${state}, was ${was}`,
  next: ({ maintenance: state }) =>
    state === 'on'
      ? ['oauth2ctl status', "oauth2ctl maintenance --off --apply --reason '…' when the work is done"]
      : ['oauth2ctl status', 'oauth2ctl verify'],
};
