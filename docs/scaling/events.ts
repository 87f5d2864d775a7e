/** The clockwork of the simulation: events in the order of their time, a seeded random source, token buckets, queues. */

/** Random numbers from 0 to 1 that are the same for the same seed, everywhere (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Action = () => void;

/** Times are milliseconds since the start. */
export class Clock {
  now = 0;
  readonly #times: number[] = [];
  readonly #actions: Action[] = [];

  after(milliseconds: number, action: Action): void {
    const [times, actions] = [this.#times, this.#actions];
    const time = this.now + milliseconds;
    let at = times.length;
    times.push(time);
    actions.push(action);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((times[parent] as number) <= time) break;
      times[at] = times[parent] as number;
      actions[at] = actions[parent] as Action;
      at = parent;
    }
    times[at] = time;
    actions[at] = action;
  }

  /** Carries out everything up to the time. */
  runUntil(end: number): void {
    while (this.#times.length > 0 && (this.#times[0] as number) <= end) {
      this.now = this.#times[0] as number;
      this.#takeFirst()();
    }
    this.now = end;
  }

  #takeFirst(): Action {
    const [times, actions] = [this.#times, this.#actions];
    const first = actions[0] as Action;
    const time = times.pop() as number;
    const action = actions.pop() as Action;
    const size = times.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (times[child + 1] as number) < (times[child] as number)) child += 1;
      if ((times[child] as number) >= time) break;
      times[at] = times[child] as number;
      actions[at] = actions[child] as Action;
      at = child;
    }
    times[at] = time;
    actions[at] = action;
    return first;
  }
}

/** Lets `rate` through each second, and `burst` at once. */
export class Bucket {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #burst: number;
  #left: number;
  #filled = 0;

  constructor(clock: Clock, rate: number, burst: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#burst = burst;
    this.#left = burst;
  }

  take(): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((this.#clock.now - this.#filled) * this.#rate) / 1000);
    this.#filled = this.#clock.now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

interface Waiting {
  readonly since: number;
  readonly start: Action;
  readonly giveUp: Action;
}

/** So many at a time; the others wait in a row, and give up after a while. */
export class Servers {
  busy = 0;
  peak = 0;
  readonly #clock: Clock;
  readonly #count: number;
  readonly #patience: number;
  #waiting: Waiting[] = [];
  #head = 0;

  /** @param patience milliseconds after which one that waits gives up when its turn comes */
  constructor(clock: Clock, count: number, patience: number) {
    this.#clock = clock;
    this.#count = count;
    this.#patience = patience;
  }

  enter(start: Action, giveUp: Action): void {
    if (this.busy < this.#count) {
      this.busy += 1;
      this.peak = Math.max(this.peak, this.busy);
      start();
    } else this.#waiting.push({ since: this.#clock.now, start, giveUp });
  }

  leave(): void {
    while (this.#head < this.#waiting.length) {
      const next = this.#waiting[this.#head] as Waiting;
      this.#head += 1;
      if (this.#head > 10_000) {
        this.#waiting = this.#waiting.slice(this.#head);
        this.#head = 0;
      }
      if (this.#clock.now - next.since <= this.#patience) {
        next.start();
        return;
      }
      next.giveUp();
    }
    this.busy -= 1;
  }
}
