/** Counts rows, where that does not take too long: they may be millions. */
import { type Database, DatabaseUnavailable } from './database.ts';

/** @returns null where the statement took too long */
export async function countRows(db: Database, question: string, query: Parameters<Database['ask']>[1]): Promise<number | null> {
  try {
    const [row] = await db.ask<{ count: number }>(question, query);
    return row?.count ?? 0;
  } catch (cause) {
    if (cause instanceof DatabaseUnavailable && /57014|no answer within/.test(cause.detail)) return null;
    throw cause;
  }
}
