/** Runs an operator's procedures beside the endpoints of a test server, and moves the clock of its caches. */
import { openRingVersions } from '../../lib/keys/ring-versions.ts';
import type { RotationTools } from '../../lib/ops/key-rotation.ts';
import { openDatabase } from '../../lib/store/database.ts';
import type { TestServer } from './server.ts';

export interface Operation {
  readonly tools: RotationTools;
  /** Makes every key as old as if it had been published a month earlier. */
  ageKeys(): Promise<void>;
  stop(): Promise<void>;
}

export function openOperation(server: TestServer): Operation {
  const { host, port, name: database } = server.database;
  const db = openDatabase({ host, port, database, user: 'oauth2_operator', tls: false, prepare: false, connections: 1 });
  return {
    tools: { db, now: () => new Date(), versions: openRingVersions(process.env.OAUTH2_SIGNING_SECRET ?? '') },
    ageKeys: async () => {
      await server.db.sql`update signing_keys set created_at = created_at - interval '30 days'`;
    },
    stop: () => db.end(),
  };
}

/**
 * Puts a clock of ours under what is imported from here on: the caches of the functions read `Date.now`, all else reads the real time.
 * @returns moves it on, in seconds
 */
export function driveCaches(): (seconds: number) => void {
  const real = Date.now;
  let ahead = 0;
  Date.now = () => real() + ahead;
  return (seconds) => {
    ahead += seconds * 1000;
  };
}
