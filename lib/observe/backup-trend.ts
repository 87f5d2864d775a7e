/** How backups grow, and when one will no longer fit into the time that a function has; pure. */

/** As list-backups has it. */
export interface MeasuredBackup {
  readonly kind: string;
  /** RFC 3339. */
  readonly taken_at: string;
  readonly bytes: number;
  readonly seconds: number;
}

export interface BackupTrend {
  readonly bytes_per_day: number;
  readonly seconds_per_day: number;
  /** When one will take as long as a function may run, at that rate; undefined where none will within ten years. */
  readonly full_at: Date | undefined;
}

/** Longest that a backup may take: its function's time, seconds. */
const longest = 850;
const dayMs = 86_400_000;
/** Fewer, or of a shorter time, say nothing of a rate. */
const [fewest, shortestDays] = [5, 3];
const horizonDays = 3650;

/** Slope of the line that fits best (least squares). */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
}

/** @returns undefined where there are too few, or of too short a time, to tell */
export function findTrend(backups: readonly MeasuredBackup[]): BackupTrend | undefined {
  // Those of a restore are of another instant than they were taken at.
  const known = backups
    .filter(({ kind }) => kind !== 'rewound')
    .toSorted((one, other) => (one.taken_at < other.taken_at ? -1 : 1));
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last || known.length < fewest) return undefined;
  const daysOf = (at: string) => (Date.parse(at) - Date.parse(first.taken_at)) / dayMs;
  if (daysOf(last.taken_at) < shortestDays) return undefined;
  const bytes_per_day = slopeOf(known.map(({ taken_at, bytes }) => [daysOf(taken_at), bytes]));
  const seconds_per_day = slopeOf(known.map(({ taken_at, seconds }) => [daysOf(taken_at), seconds]));
  const days = seconds_per_day > 0 ? Math.max((longest - last.seconds) / seconds_per_day, 0) : Number.POSITIVE_INFINITY;
  return {
    bytes_per_day,
    seconds_per_day,
    full_at: days <= horizonDays ? new Date(Date.parse(last.taken_at) + days * dayMs) : undefined,
  };
}

/** In a line, for people. */
export function describeTrend({ bytes_per_day, seconds_per_day, full_at }: BackupTrend): string {
  const sign = bytes_per_day < 0 ? '' : '+';
  const rate = `${sign}${(bytes_per_day / 1024 ** 2).toFixed(1)} MiB and ${seconds_per_day < 0 ? '' : '+'}${seconds_per_day.toFixed(2)} s a day`;
  if (!full_at) return `${rate}: it goes on to fit`;
  return `${rate}: from ${full_at.toISOString().slice(0, 10)} on one takes longer than a function may run; the page backup says what then`;
}
