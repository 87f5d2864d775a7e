/** Shows and follows the recorded events of a stage. */
import { setTimeout as pause } from 'node:timers/promises';
import { answering, type ToolAnswer, type ToolContext, type ToolProcedure } from '../releases/tool.ts';

export interface EventsInput {
  readonly types?: readonly string[];
  readonly subject?: string;
  readonly set_aside?: boolean;
  /** An instant. */
  readonly since?: string;
  readonly tail?: number;
  readonly follow?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

/** Events that are shown where neither a time nor a number is given. */
const usualTail = 100;
/** An event becomes visible this long after its time at the latest, in milliseconds: then its transaction was cut off. */
const late = 15_000;

/** Control characters of whoever wrote the data do not reach the terminal. */
const printable = (text: string) => text.replaceAll(/\p{Cc}/gu, '?');

function formatEvent({ time, type, severity, subject = '–', data, delivery }: Values): string {
  const facts = Object.entries(data as Values)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const state = delivery.state === 'delivered' ? [] : [`[${delivery.state}${delivery.because ? `: ${delivery.because}` : ''}]`];
  return printable([time, severity.padEnd(7), type.padEnd(28), subject, ...facts, ...state].join(' '));
}

class Refused extends Error {
  readonly answer: ToolAnswer;
  constructor(answer: ToolAnswer) {
    super('refused');
    this.answer = answer;
  }
}

/** Every event of a selection, page by page. */
async function readPages({ call }: ToolContext, input: Values): Promise<Values[]> {
  const all: Values[] = [];
  for (let after: string | undefined; ; ) {
    const answer = await call('read-events', { ...input, ...(after !== undefined && { after }) }, 'events');
    if (answer.outcome !== 'succeeded') throw new Refused(answer);
    const page = answer.result as Values;
    all.push(...page.events);
    after = page.next_after;
    if (after === undefined || input.last !== undefined) return all;
  }
}

/**
 * Goes on with what comes: the last seconds are read again each time, as an event may become visible after later ones.
 * @param from instant before which nothing is shown: of the first event that was
 */
async function follow(
  context: ToolContext,
  selection: Values,
  shown: readonly Values[],
  from: number,
  show: (event: Values) => void,
) {
  const { stage, signal } = context;
  const told = new Map(shown.map(({ id, time }) => [id, Date.parse(time)]));
  const wait = stage === 'local' ? 250 : 2000;
  while (!signal?.aborted) {
    const since = Math.max(Date.now() - wait - late, from);
    for (const event of await readPages(context, { ...selection, since: new Date(since).toISOString() })) {
      if (told.has(event.id)) continue;
      told.set(event.id, Date.parse(event.time));
      show(event);
    }
    for (const [id, time] of told) if (time < since - late) told.delete(id);
    await pause(wait, undefined, signal ? { signal } : {}).catch(() => {});
  }
}

export const showEvents: ToolProcedure = answering(async (context, { input }) => {
  const { types, subject, set_aside, since, tail, follow: goesOn } = input as EventsInput;
  const selection = {
    ...(types && { types }),
    ...(subject !== undefined && { subject }),
    ...(set_aside && { set_aside }),
  };
  const started = Date.now() - late;
  const show = (event: Values) => context.print(`${context.json ? JSON.stringify(event) : formatEvent(event)}\n`);
  const last = tail ?? (since === undefined ? (goesOn ? 10 : usualTail) : undefined);
  const anyTime = since ?? (set_aside ? new Date(0).toISOString() : undefined);
  try {
    const now = await readPages(context, {
      ...selection,
      ...(anyTime !== undefined && { since: anyTime }),
      ...(last !== undefined && { last }),
    });
    if (now.length === 0 && !goesOn && !context.json) context.print('There is no such event in that time.\n');
    for (const event of now) show(event);
    if (goesOn) await follow(context, selection, now, Date.parse(now[0]?.time ?? since ?? new Date(started).toISOString()), show);
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
  return { outcome: 'succeeded', plan: { steps: [] } };
});
