/** Writes totals in the text format of Prometheus (exposition format 0.0.4); pure. */
import {
  bucketBounds,
  type MetricLabel,
  type MetricRow,
  metricNames,
  metricNamespace,
  metricTable,
} from '../../../lib/metrics.ts';
import type { Total } from '../../../lib/store/metrics.ts';

interface Series {
  value: number;
  buckets: number[];
}

const quote = (value: string) => value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));

function labelText(pairs: readonly (readonly [string, string])[]): string {
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${quote(value)}"`).join(',')}}`;
}

/** Joins totals that agree in the labels, in the order of their keys. */
function sumBy(totals: readonly Total[], labels: readonly MetricLabel[]): [pairs: [string, string][], series: Series][] {
  const series = new Map<string, [[string, string][], Series]>();
  for (const total of totals) {
    const pairs = labels.map((label): [string, string] => [label, total[label]]);
    const key = JSON.stringify(pairs);
    const [, sum] = series.get(key) ?? [pairs, { value: 0, buckets: bucketBounds.map(() => 0).concat(0) }];
    sum.value += total.value;
    sum.buckets = sum.buckets.map((count, at) => count + (total.buckets?.[at] ?? 0));
    series.set(key, [pairs, sum]);
  }
  return [...series].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, found]) => found);
}

function histogram(name: string, pairs: [string, string][], { value, buckets }: Series): string[] {
  let below = 0;
  const lines = buckets.map((count, at) => {
    below += count;
    const bound = at < bucketBounds.length ? String(bucketBounds[at]) : '+Inf';
    return `${name}_bucket${labelText([...pairs, ['le', bound]])} ${below}`;
  });
  return [...lines, `${name}_sum${labelText(pairs)} ${value}`, `${name}_count${labelText(pairs)} ${below}`];
}

function family(name: string, row: MetricRow, labels: readonly MetricLabel[], totals: readonly Total[]): string[] {
  const found = sumBy(totals, labels);
  // A counter that was never counted is 0: without it a rate would miss the first increase.
  const series = found.length === 0 && labels.length === 0 && row.kind !== 'gauge' ? sumBy([nothing], []) : found;
  const samples = series.flatMap(([pairs, sum]) =>
    row.kind === 'histogram' ? histogram(name, pairs, sum) : [`${name}${labelText(pairs)} ${sum.value}`],
  );
  return [`# HELP ${name} ${row.purpose}.`, `# TYPE ${name} ${row.kind}`, ...samples];
}

const nothing: Total = { name: '', route: '', method: '', status: '', procedure: '', value: 0, buckets: null };

/** @param totals of what is not in the metric table, as a newer release may have counted it, nothing is told */
export function expose(totals: readonly Total[]): string {
  const byName = Map.groupBy(totals, ({ name }) => name);
  const lines = metricNames.flatMap((metric) => {
    const row: MetricRow = metricTable[metric];
    const own = byName.get(metric) ?? [];
    const name = `${metricNamespace}_${metric}`;
    return [
      ...family(name, row, row.plain ?? [], own),
      ...(row.by_route ? family(`${name}_by_route`, row, row.labels, own) : []),
    ];
  });
  return `${lines.join('\n')}\n`;
}
