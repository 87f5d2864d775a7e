/** Questions about how the database is laid out and kept: tables, indexes, cache, vacuum, settings. */
import type { Database } from './database.ts';

export interface TableFacts {
  /** Partitions count as their table. */
  readonly name: string;
  readonly partitions: number;
  /** Null of a table without partitions. */
  readonly largest_partition_bytes: number | null;
  readonly bytes: number;
  readonly live_rows: number;
  readonly dead_rows: number;
  readonly sequential_scans: number;
  readonly rows_read_by_scans: number;
  readonly index_scans: number;
  readonly last_vacuum: Date | null;
  readonly last_analyze: Date | null;
  /** Transactions since the oldest row that is not frozen. */
  readonly transaction_age: number;
}

export async function listTables(db: Database): Promise<TableFacts[]> {
  return db.ask<TableFacts>(
    'list-tables',
    db.sql`
      select coalesce(p.relname, s.relname) as name, count(p.oid)::integer as partitions,
        max(pg_total_relation_size(s.relid)) filter (where p.oid is not null)::float8 as largest_partition_bytes,
        sum(pg_total_relation_size(s.relid))::float8 as bytes,
        sum(s.n_live_tup)::float8 as live_rows, sum(s.n_dead_tup)::float8 as dead_rows, sum(s.seq_scan)::float8 as sequential_scans,
        sum(s.seq_tup_read)::float8 as rows_read_by_scans, coalesce(sum(s.idx_scan), 0)::float8 as index_scans,
        max(greatest(s.last_vacuum, s.last_autovacuum)) as last_vacuum, max(greatest(s.last_analyze, s.last_autoanalyze)) as last_analyze,
        max(age(c.relfrozenxid))::float8 as transaction_age
      from pg_stat_user_tables s
      join pg_class c on c.oid = s.relid
      left join pg_inherits i on i.inhrelid = s.relid
      left join pg_class p on p.oid = i.inhparent
      where c.relkind = 'r'
      group by coalesce(p.relname, s.relname) order by bytes desc`,
  );
}

export interface IndexFacts {
  readonly name: string;
  readonly table: string;
  readonly bytes: number;
  readonly scans: number;
  /** Keeps a rule (primary key, uniqueness), whether or not it is read. */
  readonly is_constraint: boolean;
  readonly is_valid: boolean;
}

export async function listIndexes(db: Database): Promise<IndexFacts[]> {
  return db.ask<IndexFacts>(
    'list-indexes',
    db.sql`
      select s.indexrelname as name, s.relname as "table", pg_relation_size(s.indexrelid)::float8 as bytes, s.idx_scan::float8 as scans,
        (x.indisunique or x.indisprimary) as is_constraint, x.indisvalid as is_valid
      from pg_stat_user_indexes s join pg_index x on x.indexrelid = s.indexrelid
      order by bytes desc`,
  );
}

export interface DatabaseFacts {
  readonly bytes: number;
  /** Pages found in the cache and pages read from below it, since the statistics began. */
  readonly pages_hit: number;
  readonly pages_read: number;
  readonly deadlocks: number;
  readonly temporary_bytes: number;
  readonly statistics_since: Date | null;
  readonly server_version: string;
}

export async function readDatabaseFacts(db: Database): Promise<DatabaseFacts> {
  const [row] = await db.ask<DatabaseFacts>(
    'read-database-facts',
    db.sql`
      select pg_database_size(datname)::float8 as bytes, blks_hit::float8 as pages_hit, blks_read::float8 as pages_read,
        deadlocks::float8 as deadlocks, temp_bytes::float8 as temporary_bytes, stats_reset as statistics_since,
        current_setting('server_version') as server_version
      from pg_stat_database where datname = current_database()`,
  );
  return row as DatabaseFacts;
}

export interface SettingFacts {
  readonly name: string;
  /** In the setting's own unit: bytes where it is one of memory, else as Postgres shows it. */
  readonly value: string;
  readonly bytes: number | null;
  readonly pending_restart: boolean;
}

const looked = [
  'autovacuum',
  'autovacuum_freeze_max_age',
  'effective_cache_size',
  'idle_in_transaction_session_timeout',
  'log_min_duration_statement',
  'log_parameter_max_length',
  'maintenance_work_mem',
  'max_connections',
  'shared_buffers',
  'track_io_timing',
  'work_mem',
];

/** Settings that decide how the instance is used. */
export async function listDatabaseSettings(db: Database): Promise<SettingFacts[]> {
  return db.ask<SettingFacts>(
    'list-database-settings',
    db.sql`
      select name, current_setting(name) as value, pending_restart,
        case unit when 'B' then setting::float8 when 'kB' then setting::float8 * 1024 when '8kB' then setting::float8 * 8192
          when 'MB' then setting::float8 * 1048576 end as bytes
      from pg_settings where name = any(${db.sql.typed.texts(looked)}) or pending_restart order by name`,
  );
}
