/** Drives a server in a closed loop: so many connections, one request in flight on each, every answer checked. */
import { type Answer, Connection } from './connection.ts';

/** The requests of one connection. */
export interface Script {
  /** The next request, or undefined where there is nothing left to ask. */
  next(): Buffer | undefined;
  /** Whether the answer is what was wanted; may keep what the next request needs. */
  accept(answer: Answer): boolean;
}

export interface Bounds {
  readonly connections: number;
  readonly milliseconds: number;
  /** Most requests of all connections together. */
  readonly requests: number;
}

export interface Load {
  readonly requests: number;
  readonly errors: number;
  /** The first answer that was not accepted. */
  readonly first_error?: string;
  readonly wall_ms: number;
  /** Of each request, sorted, in milliseconds. */
  readonly latencies: readonly number[];
}

export async function drive(port: number, bounds: Bounds, script: (connection: number) => Script): Promise<Load> {
  const connections = Array.from({ length: bounds.connections }, () => new Connection(port));
  await Promise.all(connections.map((connection) => connection.open()));
  const latencies: number[] = [];
  const failures: string[] = [];
  let left = bounds.requests;
  const started = performance.now();
  const end = started + bounds.milliseconds;
  await Promise.all(
    connections.map(async (connection, index) => {
      const { next, accept } = script(index);
      while (left > 0 && performance.now() < end) {
        const request = next();
        if (!request) return;
        left -= 1;
        const sent = performance.now();
        const answer = await connection.ask(request).catch((error: Error) => ({ status: 0, body: error.message }));
        latencies.push(performance.now() - sent);
        if (accept(answer)) continue;
        failures.push(`${answer.status} ${answer.body.slice(0, 300)}`);
        if (answer.status === 0) return;
      }
    }),
  );
  const wall = performance.now() - started;
  for (const connection of connections) connection.close();
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    errors: failures.length,
    ...(failures[0] !== undefined && { first_error: failures[0] }),
    wall_ms: wall,
    latencies,
  };
}

/** The value below which a share of a sorted list lies; NaN of an empty one. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle of a list in any order. */
export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
