/** The command that shows logs: its options, and what they mean. */
import { logQueryNames } from '../log-queries.ts';
import type { Command } from './commands.ts';
import { CliFailure } from './exit-codes.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options are as they were declared
type Values = Record<string, any>;

const unit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** An instant in milliseconds: `30m` ago, or as it is written. @param option as it was given @throws {CliFailure} for anything else, and for what is yet to come */
export function readSince(text: string, now: number, option = '--since'): number {
  const [, count, name = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return now - Number(count) * (unit[name] ?? 0) * 1000;
  const instant = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (instant > now)
    throw new CliFailure('usage', `${option} is "${text}", which is yet to come; now it is ${new Date(now).toISOString()}`);
  if (!Number.isNaN(instant)) return instant;
  throw new CliFailure(
    'usage',
    `${option} is "${text}"; allowed: a time such as 30m, 1h or 2d, or an instant such as 2026-11-23T08:30:00Z`,
  );
}

/** Both ends of a time as instants, each where it was given. @throws {CliFailure} where it ends before it begins */
export function readTime({ since, until }: Values, now: number): { since?: string; until?: string } {
  const [from, to] = [since, until].map((text, at) => text && readSince(text, now, at === 0 ? '--since' : '--until'));
  if (from !== undefined && to !== undefined && from > to)
    throw new CliFailure('usage', `--since is "${since}" and --until "${until}": the time ends before it begins`);
  return {
    ...(from !== undefined && { since: new Date(from).toISOString() }),
    ...(to !== undefined && { until: new Date(to).toISOString() }),
  };
}

function readCount(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new CliFailure('usage', `--${option} is "${text}"; allowed: a whole number`);
}

function toInput({ function: functions = [], since, tail, follow, release, crashed, count, to }: Values, view: string): Values {
  if (to !== undefined && view !== 'export')
    throw new CliFailure('usage', '--to names the file of an export: oauth2ctl logs export --to …');
  if (follow && (count || crashed || view === 'export'))
    throw new CliFailure('usage', '--follow goes with none of --count, --crashed and export: they look back');
  return {
    ...(view !== '' && { view }),
    functions,
    ...(since !== undefined && { since: readSince(since, Date.now()) }),
    ...(tail !== undefined && { tail: readCount('tail', tail) }),
    ...(release !== undefined && { release: readCount('release', release) }),
    ...(follow && { follow }),
    ...(crashed && { crashed }),
    ...(count && { count }),
    ...(to !== undefined && { to }),
  };
}

export const logCommand: Command = {
  acts: 'reads',
  streams: true,
  argument: {
    name: 'view',
    purpose: 'what is looked for; without it, everything',
    optional: true,
    choices: [...logQueryNames, 'export'],
  },
  options: [
    { flags: '--function <name>', purpose: 'only of this function, or of "access" or "database"', repeatable: true },
    { flags: '--since <time>', purpose: 'from then on: 30m, 1h, 2d, or an instant such as 2026-11-23T08:30:00Z' },
    { flags: '--tail <number>', purpose: 'only the last so many lines (default: 100, where no --since is given)' },
    { flags: '--follow', purpose: 'go on showing what comes, until Ctrl-C' },
    { flags: '--release <number>', purpose: 'only what that release wrote' },
    { flags: '--crashed', purpose: 'the last lines of each sandbox that crashed, of the last day or since --since' },
    { flags: '--count', purpose: 'counts by function, status and error instead of lines' },
    { flags: '--to <file>', purpose: 'file of an export; by default standard output' },
  ],
  toInput,
  show: () => '',
  example: 'oauth2ctl logs errors --since 1h --stage production',
};
