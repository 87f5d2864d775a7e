/** Adds up lines in embedded metric format: by the minute, by metric and by its labels; pure. */
import { bucketBounds, bucketOf, type MetricLabel, type MetricRow, metricNamespace, metricRow } from '../metrics.ts';

/** A line of a log, as CloudWatch Logs delivers it. */
export interface LoggedLine {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
}

/** What a minute has of a metric. */
export interface MetricPoint extends Readonly<Record<MetricLabel, string>> {
  /** ISO 8601, as is `at`. */
  readonly minute: string;
  readonly name: string;
  readonly kind: MetricRow['kind'];
  readonly value: number;
  readonly buckets: readonly number[] | null;
  /** Of the newest line. */
  readonly at: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a label may be: whoever sends a request chooses its method, and each value makes a row. */
const labelForms: Readonly<Record<MetricLabel, RegExp>> = {
  route: /^[a-z][a-z0-9-]{0,40}$/,
  method: /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/,
  status: /^[1-5]\d\d$/,
  procedure: /^[a-z][a-z0-9-]{0,40}$/,
};

function labelsOf(fields: Fields, { labels }: MetricRow): Record<MetricLabel, string> {
  const read = (label: MetricLabel) => {
    const value = labels.includes(label) ? String(fields[label] ?? '') : '';
    return value === '' || labelForms[label].test(value) ? value : 'other';
  };
  return { route: read('route'), method: read('method'), status: read('status'), procedure: read('procedure') };
}

function parse(message: string): Fields | undefined {
  try {
    return JSON.parse(message) as Fields;
  } catch {
    return undefined;
  }
}

/** Names of the metrics that a line publishes; a directive with several sets of dimensions publishes the same values. */
function namesIn(fields: Fields): Set<string> {
  const { CloudWatchMetrics = [] } = (fields._aws ?? {}) as { CloudWatchMetrics?: readonly Fields[] };
  const ours = CloudWatchMetrics.filter(({ Namespace }) => Namespace === metricNamespace);
  return new Set(ours.flatMap(({ Metrics }) => (Metrics as readonly { Name: string }[]).map(({ Name }) => Name)));
}

function valuesOf(fields: Fields, name: string): number[] {
  return [fields[name]]
    .flat()
    .filter((value): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0);
}

function countBuckets(values: readonly number[]): number[] {
  const counts = Array.from({ length: bucketBounds.length + 1 }, () => 0);
  for (const value of values) counts[bucketOf(value)] = (counts[bucketOf(value)] ?? 0) + 1;
  return counts;
}

function join(one: MetricPoint | undefined, other: MetricPoint): MetricPoint {
  if (one === undefined) return other;
  const [older, newer] = one.at <= other.at ? [one, other] : [other, one];
  if (other.kind === 'gauge') return newer;
  const buckets = one.buckets && other.buckets ? one.buckets.map((count, at) => count + (other.buckets?.[at] ?? 0)) : null;
  return { ...newer, value: older.value + newer.value, buckets };
}

/** What the lines publish together, in the order of their keys: whoever writes them at the same time locks them in the same order. */
export function addUp(lines: readonly LoggedLine[]): MetricPoint[] {
  const points = new Map<string, MetricPoint>();
  for (const { timestamp, message } of lines) {
    const fields = parse(message);
    if (fields === undefined) continue;
    const minute = new Date(Math.floor(timestamp / 60_000) * 60_000).toISOString();
    for (const name of namesIn(fields)) {
      const row = metricRow(name);
      const values = valuesOf(fields, name);
      if (row === undefined || values.length === 0) continue;
      const labels = labelsOf(fields, row);
      const value = row.kind === 'gauge' ? (values.at(-1) as number) : values.reduce((sum, one) => sum + one, 0);
      const buckets = row.kind === 'histogram' ? countBuckets(values) : null;
      const point: MetricPoint = {
        minute,
        name,
        kind: row.kind,
        ...labels,
        value,
        buckets,
        at: new Date(timestamp).toISOString(),
      };
      const key = [minute, name, labels.route, labels.method, labels.status, labels.procedure].join(' ');
      points.set(key, join(points.get(key), point));
    }
  }
  return [...points].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, point]) => point);
}
