/** Judges what the database report found: each finding with what was seen and the change to make; pure. */
import type { Connections, RunningStatement, SlowStatement } from '../store/database-activity.ts';
import type { DatabaseFacts, IndexFacts, SettingFacts, TableFacts } from '../store/database-shape.ts';
import { mebibytes } from './wording.ts';

export interface DatabaseReport {
  readonly connections: Connections;
  readonly long_running: readonly RunningStatement[];
  readonly blocked: readonly RunningStatement[];
  /** Null where pg_stat_statements is not there. */
  readonly slowest: readonly SlowStatement[] | null;
  readonly sees_everybody: boolean;
  readonly tables: readonly TableFacts[];
  readonly indexes: readonly IndexFacts[];
  readonly database: DatabaseFacts;
  readonly settings: readonly SettingFacts[];
}

export interface DatabaseFinding {
  readonly about: 'connections' | 'statements' | 'locks' | 'indexes' | 'bloat' | 'cache' | 'vacuum' | 'settings' | 'rights';
  readonly seen: string;
  readonly change: string;
}

/** From which value on something is a finding. */
export const thresholds = {
  connections_percent: 80,
  long_running_seconds: 5,
  blocked_seconds: 1,
  mean_statement_ms: 50,
  /** Statements that ran less often say nothing. */
  statement_calls: 20,
  unused_index_bytes: 1024 ** 2,
  /** Indexes are unused where their table was read so often. */
  table_reads: 1000,
  scanned_rows_each: 10_000,
  scans: 50,
  dead_percent: 20,
  dead_rows: 1000,
  cache_hit_percent: 99,
  /** Pages that have to have been read before a hit rate means something. */
  cache_reads: 100_000,
  freeze_percent: 50,
  temporary_bytes: 1024 ** 3,
} as const;

const seconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} s`;

function judgeConnections({
  connections: { total, idle_in_transaction, max_connections, reserved },
}: DatabaseReport): DatabaseFinding[] {
  const usable = max_connections - reserved;
  const percent = Math.round((100 * total) / Math.max(usable, 1));
  return percent < thresholds.connections_percent
    ? []
    : [
        {
          about: 'connections',
          seen: `${total} of ${usable} connections are open (${percent} %), ${idle_in_transaction} of them idle in a transaction`,
          change:
            'parameter group: raise max_connections in the stage row, or a larger instance; the proxy shares connections unless they are pinned (oauth2ctl status --detailed)',
        },
      ];
}

function judgeStatements({ long_running, blocked, slowest }: DatabaseReport): DatabaseFinding[] {
  const waiting = new Set(blocked.map(({ pid }) => pid));
  return [
    ...blocked
      .filter((one) => one.seconds >= thresholds.blocked_seconds)
      .map(
        (one): DatabaseFinding => ({
          about: 'locks',
          seen: `process ${one.pid} (${one.role}) waits ${seconds(one.seconds)} for process ${one.blocked_by.join(', ')}: ${one.statement}`,
          change: `end what holds the lock: oauth2ctl mend-database --end-session ${one.blocked_by[0]}; a migration waits for quieter times`,
        }),
      ),
    ...long_running
      .filter(({ pid }) => !waiting.has(pid))
      .map(
        (one): DatabaseFinding => ({
          about: 'statements',
          seen: `process ${one.pid} (${one.role}, ${one.state}) since ${seconds(one.seconds)}: ${one.statement}`,
          change:
            one.state === 'active'
              ? `let it end, or oauth2ctl mend-database --cancel-statement ${one.pid}`
              : `an open transaction keeps rows and locks: oauth2ctl mend-database --end-session ${one.pid}, and mend who left it open`,
        }),
      ),
    ...(slowest ?? [])
      .filter(({ calls, mean_ms }) => calls >= thresholds.statement_calls && mean_ms >= thresholds.mean_statement_ms)
      .map(
        (one): DatabaseFinding => ({
          about: 'statements',
          seen: `${one.mean_ms.toFixed(1)} ms each, ${one.calls} times: ${one.statement}`,
          change: `index: oauth2ctl explain-statement --query ${one.query_id} shows what it lacks; add that by a migration; where it reads from disk, a larger instance`,
        }),
      ),
  ];
}

function judgeIndexes({ tables, indexes }: DatabaseReport): DatabaseFinding[] {
  const reads = new Map(tables.map((table) => [table.name, table.index_scans + table.sequential_scans]));
  return [
    ...indexes
      .filter(
        ({ scans, bytes, is_constraint, table }) =>
          scans === 0 &&
          !is_constraint &&
          bytes >= thresholds.unused_index_bytes &&
          (reads.get(table) ?? 0) >= thresholds.table_reads,
      )
      .map(
        ({ name, table, bytes }): DatabaseFinding => ({
          about: 'indexes',
          seen: `${name} on ${table} takes ${mebibytes(bytes)} and was never read`,
          change: `index: drop index ${name} by a migration, once the statistics are a month old`,
        }),
      ),
    ...indexes
      .filter(({ is_valid }) => !is_valid)
      .map(
        ({ name, table }): DatabaseFinding => ({
          about: 'indexes',
          seen: `${name} on ${table} was not built to its end`,
          change: `index: oauth2ctl mend-database --rebuild-index ${name}`,
        }),
      ),
    ...tables
      .filter(
        ({ sequential_scans, rows_read_by_scans }) =>
          sequential_scans >= thresholds.scans && rows_read_by_scans / sequential_scans >= thresholds.scanned_rows_each,
      )
      .map(
        ({ name, sequential_scans, rows_read_by_scans }): DatabaseFinding => ({
          about: 'indexes',
          seen: `${name} was read from end to end ${sequential_scans} times, ${Math.round(rows_read_by_scans / sequential_scans)} rows each`,
          change: 'index: find the statement among the slowest and add the index that it lacks by a migration',
        }),
      ),
  ];
}

function judgeUpkeep({ tables, database, settings }: DatabaseReport): DatabaseFinding[] {
  const freeze = Number(settings.find(({ name }) => name === 'autovacuum_freeze_max_age')?.value ?? 200_000_000);
  const pages = database.pages_hit + database.pages_read;
  const hits = (100 * database.pages_hit) / Math.max(pages, 1);
  return [
    ...tables
      .filter(
        ({ live_rows, dead_rows }) =>
          dead_rows >= thresholds.dead_rows && dead_rows / (live_rows + dead_rows) >= thresholds.dead_percent / 100,
      )
      .map(
        ({ name, live_rows, dead_rows, last_vacuum }): DatabaseFinding => ({
          about: 'bloat',
          seen: `${name} has ${dead_rows} dead rows beside ${live_rows} live ones; last vacuum: ${last_vacuum ? new Date(last_vacuum).toISOString() : 'never'}`,
          change: `oauth2ctl mend-database --vacuum ${name}; where it comes back, parameter group: autovacuum_vacuum_scale_factor lower, and look for a transaction left open`,
        }),
      ),
    ...tables
      .filter(({ transaction_age }) => transaction_age >= (freeze * thresholds.freeze_percent) / 100)
      .map(
        ({ name, transaction_age }): DatabaseFinding => ({
          about: 'vacuum',
          seen: `${name} was not frozen for ${transaction_age} transactions`,
          change: `oauth2ctl mend-database --vacuum ${name} --freeze in a quiet hour, before autovacuum does it in a busy one`,
        }),
      ),
    ...(pages >= thresholds.cache_reads && hits < thresholds.cache_hit_percent
      ? [
          {
            about: 'cache',
            seen: `${hits.toFixed(1)} % of the pages were found in the cache`,
            change:
              'instance: one with more memory (shared_buffers is a quarter of it); before that, look for statements that read whole tables',
          } as const,
        ]
      : []),
    ...(database.temporary_bytes >= thresholds.temporary_bytes
      ? [
          {
            about: 'settings',
            seen: `sorts and hashes wrote ${mebibytes(database.temporary_bytes)} to disk`,
            change: 'parameter group: raise work_mem_mib in the stage row',
          } as const,
        ]
      : []),
  ];
}

function judgeSettings({ settings, connections, slowest, sees_everybody }: DatabaseReport): DatabaseFinding[] {
  const found = new Map(settings.map((one) => [one.name, one]));
  const finding = (seen: string, change: string): DatabaseFinding => ({ about: 'settings', seen, change });
  const findings: DatabaseFinding[] = [];
  for (const { name, pending_restart } of settings)
    if (pending_restart)
      findings.push(finding(`${name} was changed and waits for a restart`, 'instance: reboot it in its maintenance window'));
  if (found.get('autovacuum')?.value === 'off') findings.push(finding('autovacuum is off', 'parameter group: autovacuum = 1'));
  if (found.get('log_min_duration_statement')?.value === '-1')
    findings.push(finding('slow statements are not logged', 'parameter group: slow_statement_ms in the stage row'));
  const [buffers, work] = [found.get('shared_buffers')?.bytes ?? 0, found.get('work_mem')?.bytes ?? 0];
  // The parameter group gives a quarter of the memory to shared_buffers.
  const memory = buffers * 4;
  if (buffers > 0 && work * connections.max_connections + buffers > memory)
    findings.push(
      finding(
        `work_mem × max_connections and shared_buffers may take ${mebibytes(work * connections.max_connections + buffers)} of some ${mebibytes(memory)}`,
        'parameter group: lower work_mem_mib or max_connections in the stage row, or a larger instance',
      ),
    );
  if (slowest === null)
    findings.push(
      finding(
        'pg_stat_statements is not there, so the slowest statements are not known',
        'oauth2ctl migrate makes the extension where it may, as the administrator; shared_preload_libraries in the parameter group',
      ),
    );
  if (!sees_everybody)
    findings.push({
      about: 'rights',
      seen: 'what other roles run is hidden from this report',
      change: 'grant pg_monitor to oauth2_operator: whoever runs the database does that, as its administrator',
    });
  return findings;
}

/** Everything to change, the most urgent first. */
export function judgeDatabase(report: DatabaseReport): DatabaseFinding[] {
  return [
    ...judgeStatements(report),
    ...judgeConnections(report),
    ...judgeUpkeep(report),
    ...judgeIndexes(report),
    ...judgeSettings(report),
  ];
}
