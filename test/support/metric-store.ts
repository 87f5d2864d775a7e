/** Keeps measured values as CloudWatch does: by namespace, name and exact set of dimensions, with the minute that each belongs to. */

export interface MetricIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

const keyOf = ({ namespace, name, dimensions }: MetricIdentity): string =>
  [
    namespace,
    name,
    ...Object.entries(dimensions)
      .map(([key, value]) => `${key}=${value}`)
      .toSorted(),
  ].join(' ');

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}

/** Every metric that a line in embedded metric format publishes, with its values. */
export function readEmbedded(line: Readonly<Record<string, unknown>>): { metric: MetricIdentity; values: number[] }[] {
  const { CloudWatchMetrics } = line._aws as { CloudWatchMetrics: readonly Directive[] };
  return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name }) => ({
        metric: {
          namespace: Namespace,
          name: Name,
          dimensions: Object.fromEntries(names.map((name) => [name, String(line[name])])),
        },
        values: [line[Name]].flat() as number[],
      })),
    ),
  );
}

export class MetricStore {
  readonly #points = new Map<string, { minute: number; value: number }[]>();

  put(metric: MetricIdentity, minute: number, ...values: readonly number[]): void {
    const key = keyOf(metric);
    const points = this.#points.get(key) ?? [];
    this.#points.set(key, points);
    for (const value of values) points.push({ minute, value });
  }

  /** Takes in a line in embedded metric format, as if it had been written in that minute. */
  putEmbedded(line: Readonly<Record<string, unknown>>, minute: number): void {
    for (const { metric, values } of readEmbedded(line)) this.put(metric, minute, ...values);
  }

  has(metric: MetricIdentity): boolean {
    return this.#points.has(keyOf(metric));
  }

  /** @returns nothing where no value was measured from the first minute up to, and without, the last */
  statistic(metric: MetricIdentity, statistic: string, from: number, to: number): number | undefined {
    const values = (this.#points.get(keyOf(metric)) ?? [])
      .filter(({ minute }) => minute >= from && minute < to)
      .map(({ value }) => value)
      .toSorted((a, b) => a - b);
    return values.length === 0 ? undefined : compute(statistic, values);
  }
}

/** @throws {Error} for a statistic that it does not know */
function compute(statistic: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return values.length;
    case 'Average':
      return sum / values.length;
    case 'Minimum':
      return values[0] as number;
    case 'Maximum':
      return values.at(-1) as number;
  }
  const [, percentile] = /^p(\d+(?:\.\d+)?)$/.exec(statistic) ?? [];
  if (percentile !== undefined) return values[Math.ceil((Number(percentile) / 100) * values.length) - 1] as number;
  const [, most] = /^TC\(:(\d+(?:\.\d+)?)\)$/.exec(statistic) ?? [];
  // A boundary belongs to what is counted.
  if (most !== undefined) return values.filter((value) => value <= Number(most)).length;
  throw new Error(`the statistic ${statistic} is not known; teach test/support/metric-store.ts`);
}
