/** How the answers about migrations and about the database are shown. */
import { type Around, facts, instant, size, table, wrap } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

export function showMigrationStatus({ state, explanation, history, pending, last_run }: Values): string {
  const rows = history.map((one: Values) => [
    String(one.installed_rank),
    one.version,
    one.description,
    instant(one.installed_on),
    one.success,
  ]);
  return [
    facts([
      ['state', state === 'up to date' ? state : state.toUpperCase()],
      ['which means', explanation],
      ['last run', last_run ? `${last_run.outcome} on ${instant(last_run.at)} by ${last_run.actor}` : null],
    ]),
    rows.length === 0
      ? 'No migration was ever applied.'
      : table(['INSTALLED_RANK', 'VERSION', 'DESCRIPTION', 'INSTALLED_ON', 'SUCCESS'], rows),
    pending.length === 0
      ? 'Nothing is pending.'
      : table(
          ['PENDING', 'FILE'],
          pending.map(({ version, script }: Values) => [version, script]),
        ),
  ].join('\n\n');
}

export function showDatabaseReport(report: Values, { stage, advise }: Around): string {
  const { connections, database, tables, indexes, slowest, settings, findings } = report;
  const pages = database.pages_hit + database.pages_read;
  const sections = [
    facts([
      ['stage', stage],
      ['Postgres', database.server_version],
      ['size', size(database.bytes)],
      ['connections', `${connections.total} of ${connections.max_connections}, ${connections.active} active`],
      ['cache hit rate', pages === 0 ? null : `${((100 * database.pages_hit) / pages).toFixed(2)} %`],
      ['deadlocks', database.deadlocks],
      ['statistics since', instant(database.statistics_since)],
    ]),
    table(
      ['TABLE', 'PARTITIONS', 'LARGEST', 'SIZE', 'ROWS', 'DEAD', 'LAST VACUUM'],
      tables.map((one: Values) => [
        one.name,
        one.partitions,
        one.largest_partition_bytes === null ? null : size(one.largest_partition_bytes),
        size(one.bytes),
        one.live_rows,
        one.dead_rows,
        instant(one.last_vacuum),
      ]),
    ),
    table(
      ['INDEX', 'TABLE', 'SIZE', 'READS'],
      indexes.map((one: Values) => [one.name, one.table, size(one.bytes), one.scans]),
    ),
    ...(slowest === null
      ? []
      : [
          table(
            ['CALLS', 'MEAN MS', 'TOTAL MS', 'ID', 'STATEMENT'],
            slowest.map((one: Values) => [
              one.calls,
              one.mean_ms.toFixed(2),
              one.total_ms.toFixed(0),
              one.query_id,
              one.statement,
            ]),
          ),
        ]),
    table(
      ['SETTING', 'VALUE'],
      settings.map((one: Values) => [one.name, one.value]),
    ),
    findings.length === 0
      ? 'Nothing to change.'
      : [
          'To change:',
          ...findings.flatMap(({ about, seen, change }: Values) => [
            wrap(`  - ${about}: ${seen}`, 4),
            // A line whatever its length: it is copied.
            `    → ${advise(change)}`,
          ]),
        ].join('\n'),
  ];
  return sections.join('\n\n');
}
