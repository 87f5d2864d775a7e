/** The connection to Postgres: asks questions, times them, and turns a database that is away into one kind of error. */
import { setImmediate as turn } from 'node:timers/promises';
import postgres from 'postgres';
import { Unavailable } from '../protocol/errors.ts';
import type { EventContext } from './event-recording.ts';
import { handlerOf, mayRepeat, repeat, Silence, takeBack } from './repetition.ts';
import { readTextArray, writeTextArray } from './text-array.ts';

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: boolean;
  /** Named prepared statements; they pin a connection behind RDS Proxy. */
  readonly prepare: boolean;
  readonly connections: number;
  /** Asked for each new connection. */
  readonly password?: () => Promise<string>;
  /** Longest wait for one statement, in milliseconds; by default below every function's timeout, so that the caller gets an answer. */
  readonly deadline_ms?: number;
  /** Which events its statements write; by default all. */
  readonly events?: EventContext;
}

const everything: EventContext = { records: () => true, producer: 'oauth2' };

const types = {
  texts: {
    to: 1009,
    from: [1009],
    serialize: (list: readonly string[]) => writeTextArray(list),
    parse: (text: string) => readTextArray(text),
  },
};

export type Sql = postgres.Sql<{ texts: string[] }>;
// biome-ignore lint/suspicious/noExplicitAny: the rows of a query are typed where it is written
type Query<Row> = postgres.PendingQuery<any> & Promise<Row[]>;

export interface Database {
  readonly sql: Sql;
  readonly events: EventContext;
  /**
   * Runs one statement. Where its connection turns out to be gone before the statement was carried out, it is asked once more on another one.
   * @param question its name in metrics and in the log of slow statements
   * @throws {DatabaseUnavailable} where the database is away, too slow or restarting
   */
  ask<Row>(question: string, query: postgres.PendingQuery<postgres.Row[]>): Promise<Row[]>;
  /** Takes the next connection from a pool of its own, as those of this one are gone. */
  replace(lost: Sql): void;
  end(): Promise<void>;
}

/** Told of every statement: its name, its duration in milliseconds and whether it succeeded. */
export type Observer = (question: string, milliseconds: number, succeeded: boolean) => void;

/** The database cannot answer now; nothing is known about what was asked. The driver's words stay in `detail`, for the log. */
export class DatabaseUnavailable extends Unavailable {
  override name = 'DatabaseUnavailable';
  constructor(question: string, cause: string, retryAfter?: number) {
    super('The database is not available.', `${question}: ${cause}`, retryAfter);
  }
}

/**
 * SQLSTATE classes and driver codes that mean "not now": connection (08), authorization of an expired token (28), resources (53),
 * operator intervention and shutdown (57), serialization and deadlock (40), maintenance mode or a replica after failover (25006),
 * a database that is closed while it changes its name (55000), an account or a client that is deleted at this moment (23503: who asks again is told).
 */
const away =
  /^(08|28|53|57|40|23503|25006|55000|55P03|CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|SASL_|3D000)/;

/** What only reads in maintenance mode is not worth asking again in a moment. */
const readOnly = '25006';
const maintenanceSeconds = 30;
/** The part of the deadline after which a connection that has not even parsed the statement counts as gone. */
const silence = 0.3;

/** Milliseconds without a question after which a connection may have ended unheard. */
const pauseMs = 10;

/** The server's farewell comes before the end of its connection. */
const gone = /^(57P0|CONNECTION_|ECONN|EPIPE)/;

/** Opens a connection lazily: nothing is sent before the first question. */
export function openDatabase(settings: ConnectionSettings, observe: Observer = () => {}): Database {
  const deadlineMs = settings.deadline_ms ?? 5000;
  const handlers = new WeakSet<object>();
  let sql = open();
  let answered = 0;
  // What was about to be written when a connection ended stays in the driver's buffer, and its next handshake waits behind it for good: a
  // sandbox that thaws after a failover meets just that. So a connection that ended takes its pool along.
  function open(): Sql {
    const pool: Sql = connect(settings, () => replace(pool));
    handlers.add(handlerOf(pool``));
    return pool;
  }
  function replace(pool: Sql): void {
    if (sql !== pool) return;
    sql = open();
    pool.end({ timeout: 1 }).catch(() => {});
  }
  /** @param last whether silence is waited out, as there is no other attempt */
  async function attempt<Row>(question: string, query: Query<Row>, until: number, last: boolean): Promise<Row[]> {
    const asked = sql;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const giveUp = () => {
        reject(new DatabaseUnavailable(question, `no answer within ${deadlineMs} ms`));
        // The connection may be silent for good (a failover without a farewell): the next question gets a new one. Cancelling
        // would need an answering server, and the driver's failure to reach one could not be caught.
        replace(asked);
      };
      const doubt = () => {
        if (!takeBack(query)) timer = setTimeout(giveUp, until - performance.now());
        else reject(new Silence());
      };
      timer = last ? setTimeout(giveUp, until - performance.now()) : setTimeout(doubt, deadlineMs * silence);
    });
    try {
      return (await Promise.race([query, deadline])) as Row[];
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && gone.test(String(cause.code))) replace(asked);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    get sql() {
      return sql;
    },
    events: settings.events ?? everything,
    replace,
    ask: async <Row>(question: string, query: Query<Row>) => {
      const started = performance.now();
      const until = started + deadlineMs;
      // A statement of a transaction belongs to its connection.
      const last = !handlers.has(handlerOf(query));
      let succeeded = false;
      // A named statement is sent whole, so nothing would tell that it was not carried out: what the connection has to say comes first,
      // which is a farewell, its end and its close, each in a turn of the loop or two.
      if (settings.prepare && !last && started - answered > pauseMs) for (let turns = 0; turns < 8; turns++) await turn();
      try {
        const rows = await attempt(question, query, until, last).catch((cause: unknown) => {
          if (last || !(cause instanceof Silence || mayRepeat(query, cause))) throw cause;
          return attempt(question, repeat(query, sql), until, true);
        });
        succeeded = true;
        return rows;
      } catch (cause) {
        throw toStoreError(question, cause);
      } finally {
        answered = performance.now();
        observe(question, answered - started, succeeded);
      }
    },
    end: () => sql.end({ timeout: 1 }),
  } as Database;
}

function connect(settings: ConnectionSettings, onclose: () => void): Sql {
  return postgres({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    // With the server's certificate and name checked: `require` alone would talk to anybody.
    ssl: settings.tls ? 'verify-full' : false,
    ...(settings.password && { password: settings.password }),
    prepare: settings.prepare,
    max: settings.connections,
    connect_timeout: 3,
    backoff: () => 0.05,
    // Asking for the array types would cost a flight on every new connection.
    fetch_types: false,
    types,
    onnotice: () => {},
    onclose,
    connection: { application_name: 'oauth2' },
  });
}

/** Turns an error of the driver that means "not now" into `DatabaseUnavailable`; any other stays what it is. */
export function toStoreError(question: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof DatabaseUnavailable) return cause;
  const code = 'code' in cause ? String(cause.code) : '';
  if (!away.test(code)) return cause;
  return new DatabaseUnavailable(question, `${code} ${cause.message}`, code === readOnly ? maintenanceSeconds : undefined);
}
