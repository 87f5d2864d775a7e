/** Lets events that were set aside be sent again by the next run of the relay. */
import type { RecordedType } from '../event-types.ts';
import { countSetAside, type EventSelection, retryEvents as retry } from '../store/events.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { selectionTable } from './read-events.ts';
import { counted } from './wording.ts';

export interface Retried {
  readonly retried: number;
}

export const retryEvents: ProcedureDefinition<
  Tools,
  EventSelection,
  readonly { readonly type: RecordedType; readonly count: number }[],
  Retried
> = {
  name: 'retry-events',
  asks_reason: true,
  atomic: true,
  input: selectionTable,
  look: ({ db }, selection) => countSetAside(db, selection),
  plan: (_selection, counts) => ({
    steps:
      counts.length === 0
        ? ['nothing: no such event is set aside']
        : [
            ...counts.map(({ type, count }) => `send ${counted(count, 'event')} of the type ${type} again`),
            'behind events of the same subjects that went out meanwhile: their sequence tells the order',
          ],
  }),
  apply: async ({ db }, selection) => ({ retried: await retry(db, selection) }),
  describe: ({ retried }) => `${counted(retried, 'event')} to be sent again`,
  next: ({ retried }) => (retried === 0 ? [] : ['oauth2ctl events --set-aside', 'GET /events/health']),
};
