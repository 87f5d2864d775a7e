/** Runs a scenario, second by second. */
import type { Measured } from '../figures/measured.ts';
import { Deployment, type Peaks, type Refuser, type Work } from './deployment.ts';
import { Clock, createRandom } from './events.ts';
import { type Scenario, signInSteps, tokenWork } from './scenarios.ts';

/** What came in one second: `offered` requests, of which so many were served or refused then or later. */
export interface Second {
  offered: number;
  served: number;
  readonly refused: Record<Refuser, number>;
  /** Sign-ins that reached their token. */
  finished: number;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly seconds: readonly Second[];
  readonly peaks: Peaks;
  /** Of served requests after the step, milliseconds. */
  readonly p50_ms: number;
  readonly p95_ms: number;
  /** Of sign-ins: those that began, those that reached a token, and the time of 95 % of these without the people's own, seconds. */
  readonly sign_ins?: { readonly begun: number; readonly finished: number; readonly p95_s: number };
}

/** People: how long they type, when they try again, how often; milliseconds. */
const people = { typing_ms: 8_000, again_ms: 4_000, tries: 4 } as const;

/** The value that a part of the sorted list lies below; 0 of nothing. */
function quantile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export function runScenario(scenario: Scenario, measured: Measured, seed = 1): Outcome {
  const clock = new Clock();
  const random = createRandom(seed);
  const deployment = new Deployment(clock, scenario.deployment, random);
  const seconds: Second[] = Array.from({ length: scenario.seconds }, () => ({
    offered: 0,
    served: 0,
    refused: { gateway: 0, lambda: 0, database: 0 },
    finished: 0,
  }));
  const at = () => seconds[Math.min(seconds.length - 1, Math.floor(clock.now / 1000))] as Second;
  const latencies: number[] = [];
  const durations: number[] = [];
  let begun = 0;

  const send = (work: Work, done: (refused?: Refuser) => void) => {
    const started = clock.now;
    at().offered += 1;
    deployment.serve(work, (refused) => {
      const second = at();
      if (refused) second.refused[refused] += 1;
      else {
        second.served += 1;
        if (started >= scenario.step_at_s * 1000) latencies.push(clock.now - started);
      }
      done(refused);
    });
  };

  const steps = signInSteps(measured);
  const signIn = () => {
    begun += 1;
    const started = clock.now;
    let typed = 0;
    const walk = (index: number, tries: number) => {
      const work = steps[index];
      if (work === undefined) {
        at().finished += 1;
        durations.push(clock.now - started - typed);
        return;
      }
      send(work, (refused) => {
        if (refused) {
          if (tries > 1) clock.after(people.again_ms * (0.5 + random()), () => walk(index, tries - 1));
          return;
        }
        // After the page with the form somebody types.
        const pause = index === 1 ? -Math.log(1 - random()) * people.typing_ms : 0;
        typed += pause;
        clock.after(pause, () => walk(index + 1, people.tries));
      });
    };
    walk(0, people.tries);
  };

  const arrive = scenario.load === 'tokens' ? () => send(tokenWork(measured, random()), () => {}) : signIn;
  const end = scenario.seconds * 1000;
  for (let time = 0; time < end; ) {
    const loud = time >= scenario.step_at_s * 1000 && time < scenario.ends_at_s * 1000;
    time += (-Math.log(1 - random()) * 1000) / (loud ? scenario.after : scenario.before);
    clock.runUntil(Math.min(time, end));
    if (time < end) arrive();
  }
  const sorted = Float64Array.from(latencies).sort();
  return {
    scenario,
    seconds,
    peaks: deployment.peaks,
    p50_ms: quantile(sorted, 0.5),
    p95_ms: quantile(sorted, 0.95),
    ...(scenario.load === 'sign-ins' && {
      sign_ins: {
        begun,
        finished: durations.length,
        p95_s:
          quantile(
            durations.sort((a, b) => a - b),
            0.95,
          ) / 1000,
      },
    }),
  };
}
