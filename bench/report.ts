/** Writes what was measured as a page: the comparison with its ratios, cold starts, the race, the bundles. */
import type { ColdStart } from './cold-start.ts';
import type { Host } from './host.ts';
import type { BundleFigures } from './imports.ts';
import type { Cell, Plan } from './measure.ts';
import type { Race } from './race.ts';
import { rows } from './rows.ts';

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly host: Host;
  readonly database: string;
  readonly versions: readonly string[];
  readonly plan: Plan;
  readonly cells: readonly Cell[];
  readonly cold_starts: readonly ColdStart[];
  readonly races: readonly Race[];
  readonly bundles: readonly BundleFigures[];
  readonly ratios: readonly Ratio[];
}

/** This server's CPU time by that of the best peer: below 1 is better. */
export interface Ratio {
  readonly row: string;
  readonly connections: number;
  /** Against the best peer that gives the same kind of token. */
  readonly like: number | undefined;
  readonly like_peer: string | undefined;
  /** Against the best peer with any kind of token. */
  readonly any: number | undefined;
  readonly any_peer: string | undefined;
}

function lowest(cells: readonly Cell[]): Cell | undefined {
  return cells.reduce<Cell | undefined>((best, cell) => (best && best.cpu_ms <= cell.cpu_ms ? best : cell), undefined);
}

const nameOf = (cell: Cell) => (cell.variant === '' ? cell.contender : `${cell.contender} ${cell.variant}`);

export function computeRatios(cells: readonly Cell[]): Ratio[] {
  return cells
    .filter(({ contender }) => contender === 'ours')
    .map((own) => {
      const peers = cells.filter(
        ({ row, connections, contender }) => row === own.row && connections === own.connections && contender !== 'ours',
      );
      const any = lowest(peers);
      const like = lowest(peers.filter(({ variant }) => variant === own.variant));
      return {
        row: own.row,
        connections: own.connections,
        like: like && own.cpu_ms / like.cpu_ms,
        like_peer: like && nameOf(like),
        any: any && own.cpu_ms / any.cpu_ms,
        any_peer: any && nameOf(any),
      };
    });
}

const fixed = (value: number | undefined, digits: number) =>
  value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, at) => (at === 0 ? '---' : '---:'));
  return [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function writeComparison({ cells }: Results): string {
  const keys = new Map(cells.map((cell) => [`${cell.row}|${nameOf(cell)}`, cell]));
  const lines = [...keys.values()].map((first) => {
    const own = cells.filter((cell) => cell.row === first.row && nameOf(cell) === nameOf(first));
    const levels = own.map(({ connections }) => connections).sort((a, b) => a - b);
    const at = (pick: (cell: Cell) => string) =>
      levels.map((level) => pick(own.find(({ connections }) => connections === level) as Cell)).join(' / ');
    return [
      rows.find(({ name }) => name === first.row)?.title ?? first.row,
      first.contender === 'ours' ? `**${nameOf(first)}**` : nameOf(first),
      at((cell) => fixed(cell.cpu_ms, 3)),
      at((cell) => fixed(cell.p50_ms, 2)),
      at((cell) => fixed(cell.p95_ms, 2)),
      at((cell) => fixed(cell.requests_per_second, 0)),
      fixed(Math.min(...own.map(({ statements }) => statements)), 2),
      String(own.reduce((sum, { errors }) => sum + errors, 0)),
    ];
  });
  return table(['operation', 'server', 'CPU ms / request', 'p50 ms', 'p95 ms', 'requests / s', 'statements', 'errors'], lines);
}

function writeRatios({ ratios }: Results): string {
  const lines = ratios.map(({ row, connections, like, like_peer, any, any_peer }) => [
    rows.find(({ name }) => name === row)?.title ?? row,
    String(connections),
    fixed(like, 2),
    like_peer ?? '–',
    fixed(any, 2),
    any_peer ?? '–',
  ]);
  return table(['operation', 'connections', 'like for like', 'best such peer', 'any token', 'best peer'], lines);
}

function writeColdStarts({ cold_starts }: Results): string {
  const lines = cold_starts.map((cold) => [
    cold.contender,
    fixed(cold.first_token_ms, 0),
    fixed(cold.lowest_first_token_ms, 0),
    fixed(cold.listening_ms, 0),
    fixed(cold.cpu_ms, 0),
    fixed(cold.memory_mib, 0),
  ]);
  return table(['server', 'first token, ms', 'lowest', 'listening, ms', 'CPU, ms', 'memory, MiB'], lines);
}

function writeRaces({ races }: Results): string {
  const lines = races.map((race) => [
    race.contender,
    `${race.tokens} × ${race.uses}`,
    String(race.accepted_more_than_once),
    String(race.forked),
    String(race.odd_answers),
  ]);
  return table(['server', 'tokens × uses', 'accepted more than once', 'forked', 'answers not 200 or 400'], lines);
}

function writeBundles({ bundles }: Results): string {
  const lines = bundles.map(({ name, kind, needs, kilobytes, import_ms, within }) => [
    name,
    kind,
    needs.join(', ') || '–',
    fixed(kilobytes, 0),
    fixed(import_ms, 1),
    within ? 'yes' : '**no**',
  ]);
  return table(['function', 'kind', 'needs', 'KB', 'import, ms', 'within the aim'], lines);
}

export function writeReport(results: Results): string {
  const { host, plan } = results;
  const levels = plan.connections.join(' and ');
  return `# Measurements

${results.date} · \`${results.command}\` · ${host.processor}, ${host.cores} cores, ${host.memory_gib} GiB, ${host.system} · Node ${host.node} · load average ${host.load.join(' → ')} · ${results.database}

${results.versions.join(' · ')}

How this is measured, and what it does not say: [README.md](README.md). Written by the command above; not edited.

## Request path, at ${levels} connections

${writeComparison(results)}

## Ratios of CPU time: this server / best peer

${writeRatios(results)}

## Spawn to first token (bundled, median of ${results.cold_starts[0]?.times ?? 0})

${writeColdStarts(results)}

## One refresh token used many times at once

${writeRaces(results)}

## Bundles

${writeBundles(results)}
`;
}
