/** Fires the template's schedules while the local runtime runs. */
import { LocalFailure } from './failure.ts';
import { readSchedule } from './schedule-expression.ts';
import type { ScheduleSpec } from './template.ts';

/** The longest delay that a timer takes, in milliseconds (about 24 days). */
const longestDelay = 2 ** 31 - 1;

/** Time and timers; a test brings its own. */
export interface Clock {
  now(): number;
  /** Calls back once after some milliseconds; the answer cancels it. */
  later(milliseconds: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  later: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Starts every schedule; each counts from now, as a rate does from its making.
 * @param fire calls the schedule's function with its input
 * @returns what stops them all
 * @throws LocalFailure for an expression or time zone that this machine cannot run
 */
export function startSchedules(
  specs: readonly ScheduleSpec[],
  fire: (spec: ScheduleSpec) => void,
  clock: Clock = systemClock,
): () => void {
  const cancels = specs.map((spec) => {
    if (spec.timezone !== 'UTC')
      throw new LocalFailure(`schedule ${spec.name}: time zone ${spec.timezone} cannot be run on this machine; use UTC`);
    const next = readSchedule(spec.expression);
    let cancel = () => {};
    const wait = (due: number | undefined) => {
      if (due === undefined) return;
      const left = due - clock.now();
      cancel = clock.later(Math.min(Math.max(left, 0), longestDelay), () => {
        if (left > longestDelay) return wait(due);
        fire(spec);
        // Not from `due`: after a laptop's sleep, what was missed is not made up for.
        wait(next(Math.max(due, clock.now())));
      });
    };
    wait(next(clock.now()));
    return () => cancel();
  });
  return () => {
    for (const cancel of cancels) cancel();
  };
}
