/** Questions about migrations that anybody may ask who only looks: the history, and how the last run ended. */
import type { Database } from './database.ts';
import type { AppliedMigration } from './migrate.ts';

/** The whole history, oldest first; empty where no migration was ever applied. */
export async function readMigrationHistory(db: Database): Promise<AppliedMigration[]> {
  const [table] = await db.ask<{ exists: boolean }>(
    'find-migration-history',
    db.sql`select to_regclass('flyway_schema_history') is not null as exists`,
  );
  if (!table?.exists) return [];
  return db.ask<AppliedMigration>(
    'read-migration-history',
    db.sql`
      select installed_rank, version, description, script, checksum, installed_on at time zone 'UTC' as installed_on, execution_time, success
      from flyway_schema_history where version is not null order by installed_rank`,
  );
}

export interface MigrationRun {
  readonly at: Date;
  readonly outcome: 'succeeded' | 'failed';
  readonly actor: string;
  readonly detail: string | null;
}

/** The last run of the procedure migrate whose end was recorded. */
export async function findLastMigrationRun(db: Database): Promise<MigrationRun | undefined> {
  const [table] = await db.ask<{ exists: boolean }>(
    'find-audit-log',
    db.sql`select to_regclass('audit_log') is not null as exists`,
  );
  if (!table?.exists) return undefined;
  const rows = await db.ask<MigrationRun>(
    'find-last-migration-run',
    db.sql`select at, outcome, actor, detail from audit_log where procedure = 'migrate' and outcome in ('succeeded', 'failed') order by audit_id desc limit 1`,
  );
  return rows[0];
}
