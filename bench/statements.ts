/** Counts the statements that a database has run, as the Postgres server itself counts them. */
import postgres from 'postgres';

export interface StatementCounter {
  /** Statements of a database since the server's statistics began; `begin` and `commit` count too. */
  count(database: string): Promise<number>;
  close(): Promise<void>;
}

/** @param url of a superuser in a database that has the extension pg_stat_statements and is not measured itself */
export function openStatementCounter(url: string): StatementCounter {
  const sql = postgres(url, { max: 1, fetch_types: false });
  return {
    async count(database) {
      const [row] = await sql`
        select coalesce(sum(s.calls), 0)::float8 as calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = ${database}`;
      return row?.calls ?? 0;
    },
    close: () => sql.end(),
  };
}
