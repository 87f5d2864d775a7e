/** Runs several questions as one transaction, and survives a connection that ends in the middle of it. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Database, DatabaseUnavailable, type Sql, toStoreError } from './database.ts';
import { isLoss } from './repetition.ts';

/** Longest wait for a transaction to begin, in milliseconds; from there on each question has a deadline of its own. */
const deadlineMs = 5000;

/**
 * Begins a transaction, and commits it when the work is done.
 *
 * The driver writes `commit` or `rollback` to a connection that is gone as well, which ends the process: its own promise is rejected by
 * then, so the work is left unsettled and nothing is written.
 * @param work gets the transaction, and a question that is true once its connection is gone
 */
export async function beginTransaction<T>(sql: Sql, work: (transaction: Sql, isLost: () => boolean) => Promise<T>): Promise<T> {
  let lost = false;
  const isLost = () => lost;
  const never = new Promise<never>(() => {});
  const done = sql.begin(async (transaction) => {
    try {
      const result = await work(transaction as unknown as Sql, isLost);
      return lost ? await never : result;
    } catch (cause) {
      // Of one event, the driver tells the question first and the transaction a moment later.
      await turn();
      if (lost) return await never;
      throw cause;
    }
  });
  done.catch(() => {
    lost = true;
  });
  return (await done) as T;
}

/** Nothing of the work was done: the connection was gone before its transaction began. */
class NotBegun extends Error {}

/**
 * Runs the work with a database bound to one transaction, and commits it when the work is done. Where the connection turns out to be gone
 * before the transaction has begun, it begins on another one.
 * @throws {DatabaseUnavailable} where the database is away; whatever the work throws, after rolling back
 */
export async function inTransaction<T>(db: Database, question: string, work: (transaction: Database) => Promise<T>): Promise<T> {
  try {
    return await attempt(db, question, work).catch((cause: unknown) => {
      if (cause instanceof NotBegun) return attempt(db, question, work);
      throw cause;
    });
  } catch (cause) {
    throw toStoreError(question, cause instanceof NotBegun ? cause.cause : cause);
  }
}

/** @throws {NotBegun} */
async function attempt<T>(db: Database, question: string, work: (transaction: Database) => Promise<T>): Promise<T> {
  const pool = db.sql;
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  let begun = false;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      // It may be silent for good.
      db.replace(pool);
      reject(new DatabaseUnavailable(question, `no transaction within ${deadlineMs} ms`));
    }, deadlineMs);
  });
  const done = beginTransaction(pool, async (sql, isLost) => {
    // Nobody waits any more: whoever asked was told that nothing happened.
    if (late) throw new DatabaseUnavailable(question, 'began too late');
    begun = true;
    clearTimeout(timer);
    const ask: Database['ask'] = (asked, query) => {
      if (isLost()) throw new DatabaseUnavailable(asked, 'CONNECTION_CLOSED in the middle of the transaction');
      return db.ask(asked, query);
    };
    return work({ sql, ask, events: db.events, replace: (lost) => db.replace(lost), end: () => db.end() });
  });
  done.catch(() => {});
  try {
    return await Promise.race([done, deadline]);
  } catch (cause) {
    if (begun || late || !isLoss(cause)) throw cause;
    db.replace(pool);
    throw new NotBegun(question, { cause });
  } finally {
    clearTimeout(timer);
  }
}
