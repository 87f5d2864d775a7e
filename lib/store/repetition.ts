/** Decides whether a question whose connection was lost may be asked on another one: where nothing of it was carried out, or it writes nothing. */
import type { Sql } from './database.ts';

/** A connection from which nothing came, not even that a statement was parsed. */
export class Silence extends Error {
  readonly code = 'CONNECTION_SILENT';
}

/** What the driver knows of a query, which it shows to nobody (postgres 3.4). */
interface Driven {
  readonly strings: TemplateStringsArray;
  readonly args: readonly unknown[];
  readonly tagged: boolean;
  readonly options: object;
  /** Where the query goes when it is awaited: to its pool, or to the one connection of its transaction. */
  readonly handler: object;
  /** The connection that took it up; null before. */
  readonly state: object | null;
  /** Whether answers that come now are to this query. */
  readonly active: boolean;
  /** Its statement was sent to be parsed, and its parameters, which carry it out, were not. */
  readonly describeFirst?: unknown;
  /** Keeps the driver from sending the parameters. */
  onlyDescribe?: boolean;
}

const drivenOf = (query: unknown) => query as Driven;

/** Where queries of a pool go. */
export const handlerOf = (query: unknown) => drivenOf(query).handler;

/** Codes of a connection that was there and is not any more. */
const lost = /^(CONNECTION_|ECONNRESET|EPIPE|ETIMEDOUT|57P0[12]|080(00|03|06)$)/;

const codeOf = (cause: unknown) => (cause instanceof Error && 'code' in cause ? String(cause.code) : '');

/** Whether a failure means that the connection is gone. */
export const isLoss = (cause: unknown) => lost.test(codeOf(cause));

/** A connection that cannot be made is no reason: the next one could not be made either. */
function wasLost(cause: unknown, { state }: Driven): boolean {
  return state === null ? codeOf(cause).startsWith('CONNECTION_') : isLoss(cause);
}

function textOf({ strings, args }: Driven): string {
  const fragments = args.flat().filter((arg) => typeof arg === 'object' && arg !== null && 'strings' in arg);
  return [...strings, ...fragments.map((fragment) => textOf(drivenOf(fragment)))].join(' ');
}

/** Whether a statement only reads. One that may do more by a function does not count as reading. */
export function isReading(query: unknown): boolean {
  const text = textOf(drivenOf(query));
  return /^\s*(select|with)\b/i.test(text) && !/\b(insert|update|delete|merge|call|nextval|setval|pg_\w+)\b/i.test(text);
}

/** Whether a question that failed may be asked again. */
export function mayRepeat(query: unknown, cause: unknown): boolean {
  const driven = drivenOf(query);
  if (!wasLost(cause, driven)) return false;
  return driven.state === null || Boolean(driven.describeFirst) || isReading(query);
}

/**
 * Takes a question back that waits for its statement to be parsed: should the answer come after all, nothing is carried out.
 * @returns false where there is nothing to take back, because it waits for something else
 */
export function takeBack(query: unknown): boolean {
  const driven = drivenOf(query);
  if (!driven.active || !driven.describeFirst) return false;
  driven.onlyDescribe = true;
  return true;
}

/** The same question for another pool. */
export function repeat<Query>(query: Query, sql: Sql): Query {
  const { strings, args, tagged, options } = drivenOf(query);
  return (tagged ? sql(strings, ...(args as never[])) : sql.unsafe(strings[0] ?? '', args as never[], options)) as Query;
}
