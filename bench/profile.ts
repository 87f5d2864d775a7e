/** Profiles this server's request path, run from its sources so that names are readable: what each file and function costs a request. */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDatabase } from '../lib/local/database.ts';
import type { TokenFormat } from './contenders.ts';
import { drive } from './load.ts';
import { prepareOauth2 } from './oauth2/prepare.ts';
import { readCpuMs, start } from './process.ts';
import { bundleProgram, root } from './programs.ts';
import { rows } from './rows.ts';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const { values: chosen } = parseArgs({
  options: { row: { type: 'string', default: 'client-credentials' }, lines: { type: 'string', default: '25' } },
});
const row = rows.find(({ name }) => name === chosen.row);
if (!row) throw new Error(`no row ${chosen.row}; there are ${rows.map(({ name }) => name).join(', ')}`);

const say = (text: string) => process.stdout.write(`${text}\n`);

/** `lib/…`, `functions/…`, a package's name, or Node's own. */
function shorten(url: string): string {
  if (url === '') return '(native)';
  const path = url.replace(/^file:\/\//, '').replace(root, '');
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
}

function sum(profile: Profile, name: (frame: Profile['nodes'][number]['callFrame']) => string): [string, number][] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const totals = new Map<string, number>();
  for (const [at, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    if (!frame || frame.functionName === '(idle)') continue;
    const key = name(frame);
    totals.set(key, (totals.get(key) ?? 0) + (profile.timeDeltas[at] ?? 0) / 1000);
  }
  return [...totals].sort(([, a], [, b]) => b - a);
}

type Frame = Profile['nodes'][number]['callFrame'];
const describe = ({ functionName, url, lineNumber }: Frame) =>
  `${functionName || '(anonymous)'} ${shorten(url)}:${lineNumber + 1}`;

/** Time in each function together with what it calls; a recursive one counts once. */
function sumInclusive(profile: Profile): [string, number][] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const self = new Map<number, number>();
  for (const [at, id] of profile.samples.entries()) self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas[at] ?? 0) / 1000);
  const totals = new Map<string, number>();
  const visit = (id: number, above: ReadonlySet<string>): number => {
    const node = nodes.get(id);
    if (!node) return 0;
    const name = describe(node.callFrame);
    const inside = new Set(above).add(name);
    let time = self.get(id) ?? 0;
    for (const child of node.children ?? []) time += visit(child, inside);
    if (!above.has(name)) totals.set(name, (totals.get(name) ?? 0) + time);
    return time;
  };
  visit(profile.nodes[0]?.id ?? 0, new Set());
  return [...totals].sort(([, a], [, b]) => b - a);
}

const folder = mkdtempSync(join(tmpdir(), 'oauth2-profile-'));
await chmod(folder, 0o755);
const database = await startDatabase({ folder: join(folder, 'postgres') });
try {
  await database.createDatabase('profile');
  const place = { host: database.host, port: database.port, database: 'profile', bundles: join(root, 'functions/http'), folder };
  const contender = await prepareOauth2(await bundleProgram('oauth2', folder), place);
  const server = await start(contender, contender.program.source, { BENCH_ENTRY: 'handler.ts' });
  const scale = { connections: 10, codes: 3000, tokens: 200 };
  const load = async (milliseconds: number) => {
    const workload = await row.prepare(contender, server.port, 'jwt' as TokenFormat, scale);
    return drive(server.port, { connections: 10, milliseconds, requests: 100_000 }, workload.script);
  };
  await load(2000);
  await server.tell('start profile');
  const cpu = readCpuMs(server.pid);
  const { requests, errors } = await load(6000);
  const used = readCpuMs(server.pid) - cpu;
  const { profile } = (await server.tell('stop profile')) as { profile: Profile };
  await server.stop();
  await contender.close();
  say(`${row.name}: ${requests} requests, ${errors} errors, ${(used / requests).toFixed(3)} ms CPU each`);
  const print = (title: string, totals: [string, number][]) => {
    say(`\n${title}, µs per request on the main thread`);
    for (const [name, ms] of totals.slice(0, Number(chosen.lines)))
      say(`${((ms * 1000) / requests).toFixed(1).padStart(8)}  ${name}`);
  };
  print(
    'by file or package',
    sum(profile, ({ url }) => shorten(url)),
  );
  print('by function', sum(profile, describe));
  print('by function with what it calls', sumInclusive(profile));
} finally {
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}
