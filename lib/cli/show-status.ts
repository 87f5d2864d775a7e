/** How the state of a stage is shown. */
import { type Around, facts, instant, table, wrap } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

export function showStatus(status: Values, { advise }: Around): string {
  const { schema, counts, signing } = status;
  const shown = (name: string) => (counts === null ? null : (counts[name] ?? 'not counted in time'));
  const lines = [
    facts([
      ['stage', status.stage],
      ['issuer', status.issuer],
      ['release', `${status.release} (version ${status.version})`],
      ['health', status.healthy ? 'well' : 'NOT WELL'],
      ['maintenance', status.maintenance],
      ['database', status.database.reachable ? `reachable, Postgres ${status.database.server_version ?? ''}` : 'NOT REACHABLE'],
      [
        'migrations',
        schema
          ? `${schema.applied} applied, version ${schema.version} (${schema.description}) on ${instant(schema.installed_on)}`
          : null,
      ],
      ['signing secret', signing.secret],
      ['clients', shown('clients')],
      ['users', shown('users')],
      ['sessions', shown('sessions')],
      ['token families', shown('families')],
      ['active tokens', shown('access_tokens')],
      ['partitions ahead', status.partition_days === null ? null : `${status.partition_days} days`],
    ]),
  ];
  if (signing.keys.length > 0)
    lines.push(
      table(
        ['KEY', 'ALGORITHM', 'STATE', 'SINCE'],
        signing.keys.map((key: Values) => [key.kid, key.alg, key.state, instant(key.activated_at ?? key.created_at)]),
      ),
    );
  if (status.details)
    lines.push(
      table(
        ['DETAIL', 'VALUE', 'NOTE'],
        // A blank rather than a dash: where there is no note, nothing is missing.
        status.details.map(({ what, value, note = ' ' }: Values) => [what, value, note]),
      ),
    );
  if (status.problems.length > 0)
    lines.push(['Not well:', ...status.problems.map((problem: string) => wrap(`  - ${advise(problem)}`, 4))].join('\n'));
  return lines.join('\n\n');
}
