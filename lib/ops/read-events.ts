/** Reads recorded events, those of a time or the last few, as CloudEvents with what became of each. */
import { type EventType, eventTypeNames, isForeign } from '../event-types.ts';
import { type CloudEvent, toCloudEvent } from '../protocol/cloud-event.ts';
import { type EventSelection, listEvents, listLastEvents, type StoredEvent } from '../store/events.ts';
import { anything, instant, matching, onOff, ProcedureFault, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface ReadEventsInput extends EventSelection {
  /** An instant; by default an hour ago. */
  readonly since?: string;
  /** Only the last so many. */
  readonly last?: number;
  readonly limit?: number;
  /** `next_after` of the page before. */
  readonly after?: string;
}

export interface ShownEvent extends CloudEvent {
  readonly delivery: {
    readonly state: 'delivered' | 'waiting' | 'set aside';
    readonly attempts: number;
    readonly delivered_at?: string;
    readonly next_attempt_at?: string;
    readonly because?: string;
  };
}

export interface EventPage {
  readonly events: readonly ShownEvent[];
  readonly next_after?: string;
}

const isEventType = (one: unknown): boolean =>
  typeof one === 'string' && (isForeign(one as EventType) || eventTypeNames.includes(one as EventType));

/** Members by which events are chosen; of two procedures. */
export const selectionTable = {
  types: {
    accepts: (value: unknown) => Array.isArray(value) && value.every((one) => isEventType(one)),
    allowed: `a list of ${eventTypeNames.join(', ')}, and types of other producers, which have a dot`,
  },
  subject: matching(
    /^(users|clients|addresses)\/[^\s]{1,200}$|^signing-keys$/,
    'users/…, clients/…, addresses/… or signing-keys',
  ),
} as const;

/** The longest page, whose answer stays below what a function may answer with. */
const longestPage = 1000;

function show(event: StoredEvent, issuer: string): ShownEvent {
  const { attempts, delivered_at, next_attempt_at, set_aside_at, set_aside_because } = event;
  const state = delivered_at ? 'delivered' : set_aside_at ? 'set aside' : 'waiting';
  return {
    ...toCloudEvent(event, issuer),
    delivery: {
      state,
      attempts,
      ...(delivered_at && { delivered_at: delivered_at.toISOString() }),
      ...(state === 'waiting' && next_attempt_at && { next_attempt_at: next_attempt_at.toISOString() }),
      ...(state === 'set aside' && set_aside_because !== null && { because: set_aside_because }),
    },
  };
}

function readAfter(after: string | undefined): readonly [Date, string] | undefined {
  if (after === undefined) return undefined;
  const [, at = '', sequence = ''] = /^([\d:.TZ-]+) (\d{1,19})$/.exec(after) ?? [];
  if (sequence === '' || Number.isNaN(Date.parse(at)))
    throw new ProcedureFault('invalid_input', 'after marks no page; allowed: next_after of the page before');
  return [new Date(at), sequence];
}

export const readEvents: ProcedureDefinition<Tools & { readonly issuer: string }, ReadEventsInput, null, EventPage> = {
  name: 'read-events',
  input: {
    ...selectionTable,
    set_aside: onOff,
    since: instant,
    last: wholeNumber(1, longestPage),
    limit: wholeNumber(1, longestPage),
    after: anything,
  },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now, issuer }, { since, last, limit = 500, after, ...selection }) {
    const from = since === undefined ? new Date(now().getTime() - 3_600_000) : new Date(since);
    if (last !== undefined) {
      const rows = await listLastEvents(db, selection, from, last);
      return { events: rows.map((row) => show(row, issuer)) };
    }
    const rows = await listEvents(db, selection, from, readAfter(after), limit);
    const end = rows.at(-1);
    return {
      events: rows.map((row) => show(row, issuer)),
      ...(end && rows.length === limit && { next_after: `${end.at.toISOString()} ${end.sequence}` }),
    };
  },
  describe: ({ events }) => `${events.length} events`,
};
