/** Postgres's own settings, as the parameter group gives them to the instance. */
import type { ManagedDatabase } from '../stages.ts';

/** Each with Postgres's unit: 8 KiB pages for shared_buffers, KiB for work_mem, milliseconds for times. */
export function databaseParameters({
  max_connections,
  work_mem_mib,
  slow_statement_ms,
}: ManagedDatabase): Record<string, string> {
  return {
    max_connections: String(max_connections),
    // A quarter of the instance's memory: bytes / 8192 / 4.
    shared_buffers: '{DBInstanceClassMemory/32768}',
    work_mem: String(work_mem_mib * 1024),
    log_min_duration_statement: String(slow_statement_ms),
    log_lock_waits: '1',
    // Only the text of a statement: the values may be personal, or digests of what is secret.
    log_parameter_max_length: '0',
    log_temp_files: '10240',
    log_connections: '0',
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track': 'top',
    track_io_timing: '1',
    'rds.force_ssl': '1',
    // A sandbox that was frozen inside a transaction must not hold its locks for long.
    idle_in_transaction_session_timeout: '15000',
    autovacuum_vacuum_scale_factor: '0.05',
    autovacuum_analyze_scale_factor: '0.05',
  };
}
