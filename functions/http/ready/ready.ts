/** Serves the readiness check: database, migrations and keys, each by name; 503 as JSON where one is not as it should be. */
import type { Config } from '../../../lib/config.ts';
import type { HttpRequest } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { Unavailable } from '../../../lib/protocol/errors.ts';
import type { PrivateKeyRing } from '../../../lib/protocol/key-ring.ts';
import type { Database } from '../../../lib/store/database.ts';
import { type Readiness, readReadiness } from '../../../lib/store/readiness.ts';

export interface ReadyParts {
  readonly config: Config;
  readonly db: Database;
  readonly loadRing: () => Promise<PrivateKeyRing | undefined>;
}

/** Something that is away is a finding here, not an error. */
async function orAway<T>(promise: Promise<T>, request: HttpRequest): Promise<T | 'away'> {
  try {
    return await promise;
  } catch (cause) {
    // An undefined table or column means that no migration has run: the schema is what is away.
    if (cause instanceof Unavailable) request.note('detail', cause.detail);
    else if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('42'))
      request.note('detail', cause.message);
    else throw cause;
    return 'away';
  }
}

function judge(config: Config, state: Readiness | 'away', ring: PrivateKeyRing | undefined | 'away') {
  const database = state === 'away' ? 'unreachable' : 'ok';
  if (state === 'away')
    return { database, migrations: 'unknown', keys: ring === 'away' ? 'unreachable' : ring ? 'unknown' : 'missing' };
  const migrations =
    state.schema_version >= config.schema_version ? 'ok' : `pending: ${state.schema_version} of ${config.schema_version}`;
  if (ring === 'away') return { database, migrations, keys: 'unreachable' };
  if (!ring) return { database, migrations, keys: 'missing' };
  const published = Object.values(ring.keys).every(({ active }) => state.published_kids.includes(active.kid));
  return { database, migrations, keys: published ? 'ok' : 'not published' };
}

export async function ready({ config, db, loadRing }: ReadyParts, request: HttpRequest): Promise<HttpResponse> {
  const [state, ring] = await Promise.all([orAway(readReadiness(db), request), orAway(loadRing(), request)]);
  const checks = judge(config, state, ring);
  const isReady = Object.values(checks).every((check) => check === 'ok');
  // Of service to whoever only reads, so no reason to take it out of service: 200 under another word.
  const inMaintenance = state !== 'away' && state.maintenance;
  return answerJson(
    { status: isReady ? (inMaintenance ? 'maintenance' : 'ready') : 'unavailable', checks },
    isReady ? 200 : 503,
    isReady ? {} : { 'retry-after': '2' },
  );
}
