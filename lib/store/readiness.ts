/** Asks what the readiness check wants to know, in one statement. */
import type { Database } from './database.ts';

export interface Readiness {
  /** Highest applied migration, 0 where none is. */
  readonly schema_version: number;
  /** Ids of the keys that may sign: in the midst of a rotation the one that signs is not marked as active yet. */
  readonly published_kids: readonly string[];
  /** Whether this session may only read. */
  readonly maintenance: boolean;
}

/** Its parameter has it parsed before it is carried out, so that a connection which has gone silent is noticed early. */
export async function readReadiness(db: Database): Promise<Readiness> {
  const retired = 'retired';
  const [row] = await db.ask<Readiness>(
    'read-readiness',
    db.sql`
      select
        (select coalesce(max(version::integer), 0) from flyway_schema_history where success) as schema_version,
        (select coalesce(array_agg(kid), '{}') from signing_keys where state <> ${retired}) as published_kids,
        current_setting('default_transaction_read_only') = 'on' as maintenance`,
  );
  return row ?? { schema_version: 0, published_kids: [], maintenance: false };
}
