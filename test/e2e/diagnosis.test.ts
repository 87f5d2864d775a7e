/** Errors, slowness and an outage are provoked on a real local runtime: what it counts of them is exact, and the diagnosis names each cause. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, execPath, kill } from 'node:process';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { type RuntimeFile, readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { CreatedClient } from '../../lib/ops/create-client.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';

const tool = join(import.meta.dirname, '../../bin/oauth2ctl.ts');
const own = !env.OAUTH2_BASE_URL;

let deployment: Deployment;
let folder: string;
let superuser: postgres.Sql;
let client: CreatedClient;
before(async () => {
  if (!own) return;
  deployment = await openDeployment();
  folder = deployment.runtime?.folder ?? '';
  const { database } = readRuntimeFile(folder) as RuntimeFile;
  superuser = postgres(`postgres://postgres@${database.host}:${database.port}/oauth2`, { max: 1, onnotice: () => {} });
  client = await deployment.operate<CreatedClient>('create-client', {
    client_name: 'busy',
    grant_types: ['client_credentials'],
    scope: 'read',
  });
});
after(async () => {
  await superuser?.end();
  await deployment?.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: what the tool prints
type Json = Record<string, any>;

/** Runs the tool as its user does. */
function run(...words: string[]): Promise<{ code: number; json: Json }> {
  return new Promise((done, fail) => {
    const child = execFile(
      execPath,
      [tool, ...words, '--json'],
      { env: { ...env, OAUTH2_DATA_DIR: folder } },
      (_, stdout, stderr) => {
        try {
          done({ code: child.exitCode ?? -1, json: JSON.parse(stdout) as Json });
        } catch {
          fail(new Error(`${words.join(' ')}: ${stdout}${stderr}`));
        }
      },
    );
  });
}

/** Asks for tokens, a few at a time. @returns how often each status was answered */
async function issue(times: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  const work = Array.from({ length: times }).values();
  const worker = async () => {
    for (const _ of work) {
      const { status } = await deployment.fetch(`${deployment.issuer}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      counts[status] = (counts[status] ?? 0) + 1;
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return counts;
}

/** What the server counted of token requests, by status. */
async function counted(): Promise<Record<string, number>> {
  const rows = await superuser<{ status: string; value: number }[]>`
    select status, value from metric_totals where name = 'http_requests_total' and route = 'token'`;
  return Object.fromEntries(rows.map(({ status, value }) => [status, value]));
}

/** Everything that was answered, by status, since the runtime began. */
const answered: Record<string, number> = {};

/** Asks for tokens, and waits until each answer is counted. @returns how often each status was answered */
async function issueAndCount(times: number): Promise<Record<number, number>> {
  const counts = await issue(times);
  for (const [status, count] of Object.entries(counts)) answered[status] = (answered[status] ?? 0) + count;
  await allCounted();
  return counts;
}

async function allCounted(): Promise<void> {
  const wanted = Object.values(answered).reduce((sum, count) => sum + count, 0);
  const started = performance.now();
  for (;;) {
    const sum = Object.values(await counted()).reduce((total, count) => total + count, 0);
    if (sum >= wanted) break;
    assert.ok(performance.now() - started < 60_000, `${sum} of ${wanted} were counted`);
    await superuser`select pg_sleep(0.1)`;
  }
  assert.deepEqual(await counted(), answered);
}

/** As if everything until now had happened ten minutes earlier. */
async function tenMinutesLater(): Promise<void> {
  await superuser`alter table metric_minutes drop constraint metric_minutes_pkey`;
  await superuser`update metric_minutes set minute = minute - interval '10 minutes', at = at - interval '10 minutes'`;
  await superuser`alter table metric_minutes add primary key (minute, name, route, method, status, procedure)`;
  const journal = join(folder, 'logs/journal', `${encodeURIComponent('/aws/vendedlogs/oauth2-local-access')}.jsonl`);
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  const earlier = lines.map((line) => {
    const [id, timestamp, ...rest] = JSON.parse(line) as [string, number, ...string[]];
    return `${JSON.stringify([id, timestamp - 600_000, ...rest])}\n`;
  });
  writeFileSync(journal, earlier.join(''));
}

const diagnose = () => run('diagnose', '--since', '8m');
const causesOf = ({ suspects }: Json): string[] => suspects.map(({ cause }: { cause: string }) => cause);

test('what is asked is counted, each request once, and shows in the metrics', async () => {
  if (!own) return;
  assert.deepEqual(await issueAndCount(40), { 200: 40 });
  const { code, json } = await run('metrics', '--since', '8m');
  assert.equal(code, 0);
  const value = (name: string) => json.queries.find(({ query }: { query: string }) => query === name).value as number;
  const seconds = (Date.parse(json.to) - Date.parse(json.from)) / 1000;
  assert.equal(Math.round(value('Token issuance rate') * seconds), 40);
  assert.ok(value('Response time, p95') > 0 && value('Database query, p95') > 0);
  assert.ok(Date.parse(json.to) - Date.parse(json.counted_to) < 60_000);
});

test('answers of 500 at one endpoint: symptom, place, words of the log and what to do', async () => {
  if (!own) return;
  await tenMinutesLater();
  await superuser`alter table access_tokens rename to hidden`;
  assert.deepEqual(await issueAndCount(12), { 500: 12 });
  await superuser`alter table hidden rename to access_tokens`;
  assert.deepEqual(await issueAndCount(18), { 200: 18 });
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  assert.match(json.symptoms[0].seen, /^5xx: 12 of 30 \(40 %\), before 0 of 4\d \(0 %\)$/);
  assert.ok(causesOf(json).includes('only token fails'));
  assert.match(causesOf(json).at(-1) ?? '', /^the code that runs$/);
  assert.match(json.errors[0].what, /^token 500 server_error .*access_tokens/);
  assert.equal(json.errors[0].times, 12);
  assert.deepEqual(
    json.dependencies.map(({ name, verdict }: Json) => [name, verdict]).filter(([name]: string[]) => name !== 'events'),
    [
      ['database', 'well'],
      ['migrations', 'well'],
      ['keys', 'well'],
    ],
  );
  assert.equal((await run('metrics', '--since', '8m')).code, 4);
});

test('statements that take long: slow since when, and the database is named', async () => {
  if (!own) return;
  await tenMinutesLater();
  await issueAndCount(40);
  await tenMinutesLater();
  await superuser.unsafe(`
    create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.6); return new; end $$;
    grant execute on function slow() to public;
    create trigger slow before insert on access_tokens for each row execute function slow()`);
  assert.deepEqual(await issueAndCount(21), { 200: 21 });
  await superuser.unsafe('drop trigger slow on access_tokens; drop function slow()');
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  const slow = json.symptoms.find(({ symptom }: Json) => symptom === 'requests are slow');
  assert.match(slow.seen, /^p50 \d+ ms, p95 \d+ ms; before p50 [\d.]+ ms, p95 [\d.]+ ms$/);
  assert.ok(Math.abs(Date.now() - Date.parse(slow.since)) < 8 * 60_000);
  assert.ok(causesOf(json).includes('the database answers slowly'), causesOf(json).join());
});

test('a wave of refusals is the client: it does not count as failing', async () => {
  if (!own) return;
  await tenMinutesLater();
  await issueAndCount(30);
  await tenMinutesLater();
  const { client_secret } = client;
  Object.assign(client, { client_secret: 'wrong' });
  assert.deepEqual(await issueAndCount(12), { 401: 12 });
  Object.assign(client, { client_secret });
  await issueAndCount(18);
  const { json } = await diagnose();
  assert.deepEqual(
    json.symptoms.map(({ symptom }: Json) => symptom),
    ['requests are refused'],
  );
  // A runtime that has just started was migrated a moment ago, which may be a reason, too.
  const causes = causesOf(json).filter((cause) => cause !== 'what an operator did: migrate');
  assert.deepEqual(causes, ['clients are refused, most of them at token']);
});

test('a database that ends and comes back: what failed meanwhile is counted afterwards, and its restart is the first cause', async () => {
  if (!own) return;
  await tenMinutesLater();
  await issueAndCount(30);
  await tenMinutesLater();
  const file = join(folder, 'postgres/data/postmaster.pid');
  await superuser.end();
  kill(Number.parseInt(readFileSync(file, 'utf8'), 10), 'SIGKILL');
  const during = await issue(9);
  for (const [status, count] of Object.entries(during)) answered[status] = (answered[status] ?? 0) + count;
  assert.ok(
    Object.keys(during).every((status) => status === '200' || status === '503'),
    JSON.stringify(during),
  );
  const { database } = readRuntimeFile(folder) as RuntimeFile;
  superuser = postgres(`postgres://postgres@${database.host}:${database.port}/oauth2`, { max: 1, onnotice: () => {} });
  for (let tries = 0; ; tries++) {
    const back = await superuser`select 1`.then(
      () => true,
      () => false,
    );
    if (back) break;
    assert.ok(tries < 2000, 'the database did not come back');
  }
  await allCounted();
  const { json } = await diagnose();
  const restarted = json.happenings.filter(({ what }: Json) => /^Postgres: database system (was|is)/.test(what));
  assert.ok(restarted.length > 0, JSON.stringify(json.happenings));
  if ((during[503] ?? 0) >= 3) assert.equal(causesOf(json)[0], 'an event of the database');
});

test('maintenance is named before everything else', async () => {
  if (!own) return;
  const reason = ['--apply', '--reason', 'a drill'];
  assert.equal((await run('maintenance', '--on', ...reason)).code, 0);
  const { code, json } = await diagnose();
  assert.equal((await run('maintenance', '--off', ...reason)).code, 0);
  assert.equal(code, 4);
  assert.equal(causesOf(json)[0], 'the stage is in maintenance');
  assert.ok(json.happenings.some(({ procedure }: Json) => procedure === 'maintenance'));
});
