/** Measures the rows: each cell for every contender in turn, round after round, so that a slow moment hits none alone. */
import type { Contender } from './contenders.ts';
import { drive, quantile } from './load.ts';
import { type Running, readCpuMs } from './process.ts';
import type { Row, Scale } from './rows.ts';
import type { StatementCounter } from './statements.ts';

export interface Plan {
  readonly rounds: number;
  readonly connections: readonly number[];
  readonly cell_ms: number;
  readonly warm_up_ms: number;
  readonly codes: number;
  readonly tokens: number;
}

/** One contender in one row with one number of connections. CPU is that of the lowest round, the rest of the round with the median latency. */
export interface Cell {
  readonly row: string;
  readonly contender: string;
  readonly variant: string;
  readonly connections: number;
  readonly cpu_ms: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly requests_per_second: number;
  readonly statements: number;
  readonly requests: number;
  readonly errors: number;
  readonly first_error?: string;
}

export interface Entrant {
  readonly contender: Contender;
  readonly server: Running;
}

type Sample = Omit<Cell, 'row' | 'contender' | 'variant' | 'connections'>;

async function measureOnce(
  { contender, server }: Entrant,
  row: Row,
  variant: string,
  scale: Scale,
  milliseconds: number,
  counter: StatementCounter,
): Promise<Sample> {
  const workload = await row.prepare(contender, server.port, variant as 'jwt', scale);
  const bounds = { connections: scale.connections, milliseconds, requests: workload.requests };
  const statements = await counter.count(contender.database);
  const cpu = readCpuMs(server.pid);
  const load = await drive(server.port, bounds, workload.script);
  const used = readCpuMs(server.pid) - cpu;
  const ran = (await counter.count(contender.database)) - statements;
  return {
    cpu_ms: used / load.requests,
    p50_ms: quantile(load.latencies, 0.5),
    p95_ms: quantile(load.latencies, 0.95),
    requests_per_second: (load.requests - load.errors) / (load.wall_ms / 1000),
    statements: ran / load.requests,
    requests: load.requests,
    errors: load.errors,
    ...(load.first_error !== undefined && { first_error: load.first_error }),
  };
}

function summarise(samples: readonly Sample[]): Sample {
  const byLatency = [...samples].sort((a, b) => a.p50_ms - b.p50_ms);
  const middle = byLatency[Math.floor(byLatency.length / 2)] as Sample;
  const failed = samples.find(({ errors }) => errors > 0);
  return {
    ...middle,
    cpu_ms: Math.min(...samples.map(({ cpu_ms }) => cpu_ms)),
    statements: Math.min(...samples.map(({ statements }) => statements)),
    requests: samples.reduce((sum, { requests }) => sum + requests, 0),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
    ...(failed?.first_error !== undefined && { first_error: failed.first_error }),
  };
}

/** @param tell is given each finished cell */
export async function measureRow(
  row: Row,
  entrants: readonly Entrant[],
  plan: Plan,
  counter: StatementCounter,
  tell: (cell: Cell) => void,
): Promise<Cell[]> {
  const runs = entrants.flatMap((entrant) => row.variants(entrant.contender).map((variant) => ({ entrant, variant })));
  const scaleFor = (connections: number): Scale => ({ connections, codes: plan.codes, tokens: plan.tokens });
  for (const { entrant, variant } of runs) await measureOnce(entrant, row, variant, scaleFor(10), plan.warm_up_ms, counter);
  const cells: Cell[] = [];
  for (const connections of plan.connections) {
    const samples = runs.map((): Sample[] => []);
    for (let round = 0; round < plan.rounds; round++)
      for (const [at, { entrant, variant }] of runs.entries())
        samples[at]?.push(await measureOnce(entrant, row, variant, scaleFor(connections), plan.cell_ms, counter));
    for (const [at, { entrant, variant }] of runs.entries()) {
      const cell = {
        row: row.name,
        contender: entrant.contender.name,
        variant,
        connections,
        ...summarise(samples[at] ?? []),
      };
      cells.push(cell);
      tell(cell);
    }
  }
  return cells;
}
