/** Serves the health of events: whether they reach the bus, how many wait and since when; 503 as JSON where they wait for too long. */
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import type { Database } from '../../../lib/store/database.ts';
import { readEventHealth } from '../../../lib/store/events.ts';

export interface EventsHealthParts {
  readonly db: Database;
  /** Whether the stage sends events to a bus. */
  readonly enabled: boolean;
}

/** Events are sent every minute: what waits for longer than five is not sent. Seconds. */
const longestWait = 300;

export async function eventsHealth({ db, enabled }: EventsHealthParts): Promise<HttpResponse> {
  const { backlog, oldest_seconds, set_aside, last_delivered_at, last_failed_at, trail_age_seconds } = await readEventHealth(db);
  const sent = oldest_seconds <= longestWait;
  const trailed = trail_age_seconds === null || trail_age_seconds <= longestWait;
  const healthy = sent && trailed;
  return answerJson(
    {
      enabled,
      plugins: [
        ...(enabled ? [{ name: 'eventbridge', healthy: sent }] : []),
        ...(trail_age_seconds === null ? [] : [{ name: 'trail', healthy: trailed }]),
      ],
      backlog,
      oldest_seconds: Math.round(oldest_seconds),
      set_aside,
      last_delivery: last_delivered_at,
      last_failure: last_failed_at,
    },
    healthy ? 200 : 503,
    healthy ? {} : { 'retry-after': '60' },
  );
}
