/** Asks without a pause from several sides at once, until it is told to end. */
import { setTimeout as pause } from 'node:timers/promises';

export interface ConstantLoad {
  /** What a side threw; it goes on after that. */
  readonly failures: readonly string[];
  /** How often a side has done its work. */
  count(): number;
  /** Waits until the sides have done that much more, or one of them has failed. */
  more(count: number): Promise<void>;
  /** Waits for what is under way. */
  end(): Promise<void>;
}

/** @param sides each is done again and again, beside the others */
export function startLoad(sides: readonly (() => Promise<void>)[]): ConstantLoad {
  const failures: string[] = [];
  let [ended, done] = [false, 0];
  const running = Promise.all(
    sides.map(async (side) => {
      while (!ended) {
        await side().catch((error: unknown) =>
          failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
        );
        done++;
      }
    }),
  );
  return {
    failures,
    count: () => done,
    more: async (count) => {
      const goal = done + count;
      while (done < goal && failures.length === 0) await pause(5);
    },
    end: async () => {
      ended = true;
      await running;
    },
  };
}
