/** How metrics and diagnoses are shown. */
import { type Around, instant, table, wrap } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

const bars = '▁▂▃▄▅▆▇█';

/** Values as a row of bars, the highest as high as a line; a gap where there was none. */
export function sparkline(values: readonly (number | null)[]): string {
  const highest = Math.max(0, ...values.map((value) => value ?? 0));
  return values
    .map((value) => (value === null ? ' ' : (bars[highest === 0 ? 0 : Math.round((value / highest) * (bars.length - 1))] ?? '')))
    .join('');
}

const measure = (value: number | null, unit: string): string =>
  value === null ? '–' : `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))}${unit === '' ? '' : ` ${unit}`}`;

export function showMetrics({ stage, from, to, counted_to, queries, functions, database, notes, well }: Values): string {
  const rows = [...queries, ...functions, ...database].map(({ query, value, unit, threshold, over, course, note }: Values) => [
    over ? `${query} !` : query,
    measure(value, unit),
    threshold === null ? '–' : `> ${measure(threshold, unit)}`,
    note ?? sparkline(course),
  ]);
  return [
    `Stage ${stage}, ${instant(from)} to ${instant(to)}; counted up to ${instant(counted_to)}.`,
    '',
    table(['QUERY', 'VALUE', 'THRESHOLD', 'COURSE'], rows),
    '',
    ...notes.flatMap((note: string) => [wrap(`Note: ${note}`), '']),
    well ? 'Nothing is above its threshold.' : 'NOT WELL: what is marked with ! is above its threshold.',
  ].join('\n');
}

const compared = (title: string, unit: string, now: Values | null, before: Values | null, name: string) => [
  title,
  measure(now?.[name] ?? null, unit),
  measure(before?.[name] ?? null, unit),
];

export function showComparison(result: Values, { advise }: Around): string {
  const { stage, since, compared_with, now, before, well, symptoms, routes, errors, happenings, dependencies, suspects, notes } =
    result;
  const parts = [
    `Stage ${stage}, since ${instant(since)}, compared with the time from ${instant(compared_with)} on.`,
    table(
      ['', 'NOW', 'BEFORE'],
      [
        compared('requests', '', now, before, 'requests'),
        compared('request rate', '/s', now, before, 'request_rate'),
        compared('5xx', '%', now, before, 'failed_percent'),
        compared('4xx', '%', now, before, 'refused_percent'),
        compared('p50', 'ms', now, before, 'p50_ms'),
        compared('p95', 'ms', now, before, 'p95_ms'),
        compared('p95 of the database', 'ms', now, before, 'db_p95_ms'),
      ],
    ),
  ];
  if (routes.length > 0)
    parts.push(
      table(
        ['ROUTE', 'STATUS', 'REQUESTS', 'BEFORE', 'P95', 'BEFORE'],
        routes.map((one: Values) => [
          `${one.method} ${one.route}`,
          one.status,
          one.requests,
          one.requests_before,
          measure(one.p95_ms, 'ms'),
          measure(one.p95_before_ms, 'ms'),
        ]),
      ),
    );
  parts.push(
    [
      'Depends on:',
      ...dependencies.map(({ name, verdict, detail }: Values) =>
        wrap(`  ${name}: ${verdict}${verdict === 'well' ? '' : ` (${detail})`}`, 4),
      ),
    ].join('\n'),
  );
  if (happenings.length > 0)
    parts.push(['What happened:', ...happenings.map(({ at, what }: Values) => wrap(`  ${instant(at)}  ${what}`, 27))].join('\n'));
  if (errors.length > 0)
    parts.push(['Said most often:', ...errors.map(({ what, times }: Values) => wrap(`  ${times} × ${what}`, 4))].join('\n'));
  if (symptoms.length > 0)
    parts.push(
      [
        'Symptoms:',
        ...symptoms.map((one: Values) =>
          wrap(`  - ${one.symptom}${one.since ? ` since ${instant(one.since)}` : ''}: ${one.seen}`, 4),
        ),
      ].join('\n'),
    );
  for (const note of notes) parts.push(wrap(`Note: ${note}`));
  parts.push(
    well
      ? 'Nothing has changed.'
      : [
          'Causes, the likeliest first:',
          ...suspects.flatMap((one: Values, at: number) => [
            `  ${at + 1}. ${one.cause} (${one.likelihood})`,
            wrap(`     ${one.because}`, 5),
            ...one.recommend.map((what: string) => wrap(`     → ${advise(what)}`, 7)),
            `     runbooks/${one.runbook}.md`,
          ]),
        ].join('\n'),
  );
  return parts.join('\n\n');
}
