/** Lets events be sent again by the next run of the relay: those that were set aside, or those of a time that somebody did not get. */
import type { RecordedType } from '../event-types.ts';
import { countRepeatable, type EventPlace, type EventSelection, retryNextEvents } from '../store/events.ts';
import { tellProgress } from '../telemetry.ts';
import { instant, ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { selectionTable } from './read-events.ts';
import { counted } from './wording.ts';

export interface RetryEventsInput extends Pick<EventSelection, 'types' | 'subject'> {
  /** With `until`: those of this time that were delivered, instead of those that were set aside. ISO 8601. */
  readonly since?: string;
  readonly until?: string;
}

export interface Retried {
  readonly retried: number;
  /** Where the time of one run was too short: of this instant on they are still to be sent again. ISO 8601. */
  readonly left_from?: string;
}

/** Events that are let go together: few enough for the deadline of a statement. */
const batch = 5000;
/** A run stops its work before the function is stopped. Milliseconds. */
const longestRunMs = 240_000;

/** @throws {ProcedureFault} where one end of the time is missing */
function selectionOf({ since, until, ...selection }: RetryEventsInput): EventSelection {
  if (since === undefined && until === undefined) return selection;
  if (since === undefined || until === undefined)
    throw new ProcedureFault('invalid_input', 'give both since and until, or neither');
  return { ...selection, delivered: { from: new Date(since), to: new Date(until) } };
}

export const retryEvents: ProcedureDefinition<
  Tools,
  RetryEventsInput,
  readonly { readonly type: RecordedType; readonly count: number }[],
  Retried
> = {
  name: 'retry-events',
  asks_reason: true,
  input: { ...selectionTable, since: instant, until: instant },
  look: async ({ db }, input) => countRepeatable(db, selectionOf(input)),
  plan: ({ since }, counts) => ({
    steps:
      counts.length === 0
        ? [
            since === undefined
              ? 'nothing: no such event is set aside'
              : 'nothing: no such event of that time was delivered and is kept',
          ]
        : [
            ...counts.map(({ type, count }) => `send ${counted(count, 'event')} of the type ${type} again`),
            'behind events of the same subjects that went out meanwhile: their sequence tells the order',
            ...(since === undefined ? [] : ['whoever has them already knows them by their idempotency key']),
          ],
  }),
  async apply({ db }, input) {
    const started = performance.now();
    let retried = 0;
    for (let behind: EventPlace | undefined; ; ) {
      const found = await retryNextEvents(db, selectionOf(input), behind, batch);
      retried += found?.count ?? 0;
      if (found === undefined || found.count < batch) return { retried };
      if (performance.now() - started > longestRunMs) return { retried, left_from: found.at.toISOString() };
      tellProgress(() => `${counted(retried, 'event')} to be sent again`);
      behind = found;
    }
  },
  describe: ({ retried, left_from }) =>
    `${counted(retried, 'event')} to be sent again${left_from === undefined ? '' : `, those from ${left_from} on are left`}`,
  next: ({ retried, left_from }) =>
    retried === 0
      ? []
      : [
          ...(left_from === undefined
            ? []
            : [`the same command with --since ${left_from}: the time of one run was too short for all`]),
          'oauth2ctl events --set-aside',
          'GET /events/health',
        ],
};
