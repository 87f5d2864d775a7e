/** Decides which events may be sent side by side, so that no event of a subject overtakes an earlier one. */
import type { OutboxEvent } from '../store/event-relay.ts';

/** The events of a page by their subject, each list in order; what is about nobody is a list of its own. */
export function bySubject(events: readonly OutboxEvent[]): OutboxEvent[][] {
  const lists = Map.groupBy(events, ({ subject, event_id }) => subject ?? event_id);
  return [...lists.values()];
}

/** Tokens that a client got for itself happened side by side: nobody could know their order. */
const hasNoOrder = ({ type, subject }: OutboxEvent) => type === 'token_created' && subject?.startsWith('clients/') === true;

/** How many events at the beginning of a list may be sent at once. */
export function headOf(list: readonly OutboxEvent[]): number {
  const [first] = list;
  if (first === undefined || !hasNoOrder(first)) return Math.min(list.length, 1);
  const end = list.findIndex((event) => !hasNoOrder(event));
  return end < 0 ? list.length : end;
}

export function inBatches<T>(all: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, index) => all.slice(index * most, (index + 1) * most));
}
