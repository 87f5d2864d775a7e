/** Reads the schedule expressions of EventBridge Scheduler, `rate(…)` and `cron(…)`, and tells when they are due next. */
import { LocalFailure } from './failure.ts';

/** When the schedule is due next after a moment; undefined when never again. Times are milliseconds since the epoch, cron in UTC. */
export type NextTime = (after: number) => number | undefined;

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

function wrong(expression: string): never {
  throw new LocalFailure(
    `the schedule ${expression} cannot be run on this machine; understood are rate(N minutes|hours|days) and cron(…) without L, W and #`,
  );
}

/** The values that one field of a cron expression allows; undefined for all of them. */
function fieldValues(
  field: string,
  [low, high]: readonly [number, number],
  names: readonly string[],
  whole: string,
): Set<number> | undefined {
  if (field === '*' || field === '?') return undefined;
  const values = new Set<number>();
  const number = (word: string) => {
    const named = names.indexOf(word.toUpperCase());
    const value = named >= 0 ? named + 1 : Number(word);
    return Number.isInteger(value) && value >= low && value <= high && word !== '' ? value : wrong(whole);
  };
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/');
    const [from = '', to] = range === '*' ? [String(low), String(high)] : range.split('-');
    const first = number(from);
    const last = to === undefined ? (part.includes('/') ? high : first) : number(to);
    if (!/^[1-9]\d*$/.test(step) || last < first) wrong(whole);
    for (let value = first; value <= last; value += Number(step)) values.add(value);
  }
  return values;
}

function readCron(body: string, whole: string): NextTime {
  const fields = body.trim().split(/\s+/);
  if (fields.length !== 6) wrong(whole);
  const [minutes, hours, days, months, weekdays, years] = [
    fieldValues(fields[0] as string, [0, 59], [], whole),
    fieldValues(fields[1] as string, [0, 23], [], whole),
    fieldValues(fields[2] as string, [1, 31], [], whole),
    fieldValues(fields[3] as string, [1, 12], monthNames, whole),
    fieldValues(fields[4] as string, [1, 7], dayNames, whole),
    fieldValues(fields[5] as string, [1970, 2199], [], whole),
  ];
  const allows = (values: Set<number> | undefined, value: number) => values === undefined || values.has(value);
  return (after) => {
    const at = new Date(after);
    at.setUTCSeconds(0, 0);
    at.setUTCMinutes(at.getUTCMinutes() + 1);
    const lastYear = at.getUTCFullYear() + 8;
    // Steps over whole months, days and hours that do not fit, so that even a rare date takes few steps.
    while (at.getUTCFullYear() <= lastYear) {
      if (!allows(years, at.getUTCFullYear()) || !allows(months, at.getUTCMonth() + 1))
        at.setTime(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1));
      else if (!allows(days, at.getUTCDate()) || !allows(weekdays, at.getUTCDay() + 1))
        at.setTime(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1));
      else if (!allows(hours, at.getUTCHours())) at.setUTCHours(at.getUTCHours() + 1, 0);
      else if (!allows(minutes, at.getUTCMinutes())) at.setUTCMinutes(at.getUTCMinutes() + 1);
      else return at.getTime();
    }
    return undefined;
  };
}

/** @throws LocalFailure naming the expression and what is understood */
export function readSchedule(expression: string): NextTime {
  const [, kind, body = ''] = /^(rate|cron)\((.+)\)$/.exec(expression) ?? wrong(expression);
  if (kind === 'cron') return readCron(body, expression);
  const [, count, unit] = /^([1-9]\d*) (minute|hour|day)s?$/.exec(body) ?? wrong(expression);
  const every = Number(count) * unitMs[unit as keyof typeof unitMs];
  return (after) => after + every;
}
