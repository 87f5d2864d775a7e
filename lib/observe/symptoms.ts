/** Finds what is otherwise than in the time before: what fails, is slow, is refused, or how much is asked; pure. */
import { alarms } from '../alarms.ts';
import { routeNames } from '../routes.ts';
import {
  addBuckets,
  type Figures,
  figuresByStep,
  figuresOfWindow,
  type MeasuredWindow,
  quantile,
  type RouteSum,
} from './measured.ts';

export type SymptomName = 'requests fail' | 'requests are slow' | 'requests are refused' | 'more is asked' | 'less is asked';

export interface Symptom {
  readonly symptom: SymptomName;
  readonly seen: string;
  /** When it began, as exactly as the steps tell; null where they do not. */
  readonly since: string | null;
}

/** One endpoint and what it answered, in this time and in the one before. */
export interface RouteChange {
  readonly route: string;
  readonly method: string;
  readonly status: string;
  readonly requests: number;
  readonly requests_before: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p95_before_ms: number | null;
}

/** From which value on something is a symptom. */
export const limits = {
  /** Percent of 5xx that is always one, and percent that is one where it is so many times what it was. */
  failed_percent: alarms.HighErrorRate.threshold,
  failed_percent_risen: 1,
  p95_ms: alarms.HighResponseTime.threshold,
  p95_ms_risen: 50,
  /** More percent of 4xx than before. */
  refused_points: 10,
  times: 2,
  times_more_asked: 3,
  /** Requests below which a share or a percentile says nothing. */
  requests: 20,
} as const;

const number = (value: number | null, unit: string) => (value === null ? '–' : `${Number(value.toPrecision(3))}${unit}`);
const risen = (now: number | null, before: number | null, times: number) => now !== null && now >= times * (before ?? 0);

/** The first step of which something holds. */
function firstStep(window: MeasuredWindow, holds: (step: Figures) => boolean): string | null {
  const step = figuresByStep(window).findIndex(holds);
  return step < 0 ? null : new Date(Date.parse(window.from) + step * window.step_seconds * 1000).toISOString();
}

type Judge = (now: Figures, before: Figures, window: MeasuredWindow) => Symptom | undefined;

const fails: Judge = (now, before, window) => {
  const percent = now.failed_percent ?? 0;
  const rose =
    now.failed >= 3 && percent >= limits.failed_percent_risen && risen(percent, before.failed_percent, limits.times_more_asked);
  if (now.failed === 0 || !(percent > limits.failed_percent || rose)) return undefined;
  const from = Math.min(limits.failed_percent_risen, percent);
  return {
    symptom: 'requests fail',
    seen: `5xx: ${now.failed} of ${now.failed_of} (${number(percent, ' %')}), before ${before.failed} of ${before.failed_of} (${number(before.failed_percent, ' %')})`,
    since: firstStep(window, (step) => (step.failed_percent ?? 0) >= from),
  };
};

const isSlow: Judge = (now, before, window) => {
  const p95 = now.p95_ms ?? 0;
  if (now.requests < limits.requests) return undefined;
  const rose = p95 >= limits.p95_ms_risen && before.requests >= limits.requests && risen(p95, before.p95_ms, limits.times);
  if (p95 <= limits.p95_ms && !rose) return undefined;
  const from = Math.min(limits.p95_ms, Math.max(limits.p95_ms_risen, limits.times * (before.p95_ms ?? 0)));
  return {
    symptom: 'requests are slow',
    seen: `p50 ${number(now.p50_ms, ' ms')}, p95 ${number(p95, ' ms')}; before p50 ${number(before.p50_ms, ' ms')}, p95 ${number(before.p95_ms, ' ms')}`,
    since: firstStep(window, (step) => (step.p95_ms ?? 0) >= from),
  };
};

const refuses: Judge = (now, before, window) => {
  const percent = now.refused_percent ?? 0;
  const usual = before.refused_percent ?? 0;
  if (now.requests < limits.requests || percent < usual + limits.refused_points || !risen(percent, usual, limits.times))
    return undefined;
  return {
    symptom: 'requests are refused',
    seen: `4xx: ${now.refused} of ${now.requests} (${number(percent, ' %')}), before ${before.refused} of ${before.requests} (${number(before.refused_percent, ' %')})`,
    since: firstStep(window, (step) => (step.refused_percent ?? 0) >= usual + limits.refused_points),
  };
};

const asks: Judge = (now, before, window) => {
  const rates = `${number(now.request_rate, ' /s')}, before ${number(before.request_rate, ' /s')}`;
  if (
    now.requests >= limits.requests &&
    before.requests > 0 &&
    risen(now.request_rate, before.request_rate, limits.times_more_asked)
  ) {
    const since = firstStep(window, (step) => step.request_rate >= limits.times * before.request_rate);
    return { symptom: 'more is asked', seen: rates, since };
  }
  if (before.requests >= limits.requests && before.request_rate >= limits.times_more_asked * now.request_rate)
    return { symptom: 'less is asked', seen: rates, since: null };
  return undefined;
};

/** @param now the window that is looked at @param before the one that it is compared with */
export function findSymptoms(now: MeasuredWindow, before: MeasuredWindow): Symptom[] {
  const [figures, former] = [now, before].map(figuresOfWindow) as [Figures, Figures];
  return [fails, isSlow, refuses, asks].flatMap((judge) => judge(figures, former, now) ?? []);
}

/** Requests that no function answered fail, too, however few they are among those that were answered: nobody else tells of them. */
export function addUnanswered(
  symptoms: readonly Symptom[],
  crashes: readonly { readonly name: string; readonly times: number }[],
  throttled: number,
): Symptom[] {
  const crashed = crashes.filter(({ name }) => (routeNames as readonly string[]).includes(name));
  const seen = [
    ...crashed.map(({ name, times }) => `${name} crashed ${times === 1 ? 'once' : `${times} times`}`),
    ...(throttled > 0 ? [`${throttled} invocations found no sandbox`] : []),
  ].join(', ');
  if (seen === '') return [...symptoms];
  const [failing] = symptoms.filter(({ symptom }) => symptom === 'requests fail');
  if (failing === undefined) return [{ symptom: 'requests fail', seen, since: null }, ...symptoms];
  return symptoms.map((one) => (one === failing ? { ...one, seen: `${one.seen}; ${seen}` } : one));
}

const keyOf = ({ route, method, status }: RouteSum) => `${route} ${method} ${status}`;

/** Every endpoint with each status that it answered, those that changed most first. */
export function compareRoutes(now: MeasuredWindow, before: MeasuredWindow): RouteChange[] {
  const of = (window: MeasuredWindow, name: string) =>
    Map.groupBy(
      window.sums.filter((one) => one.name === name),
      keyOf,
    );
  const counts = [of(now, 'http_requests_total'), of(before, 'http_requests_total')] as const;
  const times = [of(now, 'http_request_duration_seconds'), of(before, 'http_request_duration_seconds')] as const;
  const measure = (q: number, sums: readonly RouteSum[] = []) => {
    const seconds = quantile(q, addBuckets(sums));
    return seconds === null ? null : Math.round(seconds * 10_000) / 10;
  };
  const requests = (sums: readonly RouteSum[] = []) => sums.reduce((all, { value }) => all + value, 0);
  return [...new Set([...counts[0].keys(), ...counts[1].keys()])]
    .map((key): RouteChange => {
      const [route = '', method = '', status = ''] = key.split(' ');
      return {
        route,
        method,
        status,
        requests: requests(counts[0].get(key)),
        requests_before: requests(counts[1].get(key)),
        p50_ms: measure(0.5, times[0].get(key)),
        p95_ms: measure(0.95, times[0].get(key)),
        p95_before_ms: measure(0.95, times[1].get(key)),
      };
    })
    .sort((one, other) => Math.abs(other.requests - other.requests_before) - Math.abs(one.requests - one.requests_before));
}
