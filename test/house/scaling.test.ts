/** The simulation behind docs/scaling.md: its clockwork keeps time, its limits hold, its picture is the committed one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Measured, readMeasured } from '../../docs/figures/measured.ts';
import { Deployment, type DeploymentSettings, type Refuser, type Work } from '../../docs/scaling/deployment.ts';
import { Bucket, Clock, createRandom, Servers } from '../../docs/scaling/events.ts';
import { computeGrowth, computeLimits } from '../../docs/scaling/limits.ts';
import { chooseTicks } from '../../docs/scaling/plot.ts';
import { runScenario } from '../../docs/scaling/run.ts';
import { listScenarios, productionSettings } from '../../docs/scaling/scenarios.ts';
import { drawPicture, pictureFile } from '../../docs/scaling/simulate.ts';

const measured = readMeasured();

test('the clock carries out what is due in the order of time, whatever the order it was given in', () => {
  const clock = new Clock();
  const random = createRandom(7);
  const seen: number[] = [];
  for (let index = 0; index < 500; index += 1) clock.after(random() * 1000, () => seen.push(clock.now));
  clock.runUntil(500);
  assert.ok(seen.length > 0 && seen.every((time) => time <= 500));
  clock.runUntil(1000);
  assert.equal(seen.length, 500);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test('a bucket lets its burst through at once and its rate from then on', () => {
  const clock = new Clock();
  const bucket = new Bucket(clock, 10, 20);
  const take = () => Array.from({ length: 100 }, () => bucket.take()).filter(Boolean).length;
  assert.equal(take(), 20);
  clock.runUntil(1000);
  assert.equal(take(), 10);
});

test('whoever waits longer than the patience gives up, and the next one has its turn', () => {
  const clock = new Clock();
  const servers = new Servers(clock, 1, 100);
  const seen: string[] = [];
  const hold = (name: string, milliseconds: number) =>
    servers.enter(
      () => {
        seen.push(name);
        clock.after(milliseconds, () => servers.leave());
      },
      () => seen.push(`${name} gave up`),
    );
  hold('first', 150);
  hold('second', 10);
  clock.after(100, () => hold('third', 10));
  clock.runUntil(1000);
  assert.deepEqual(seen, ['first', 'second gave up', 'third']);
  assert.equal(servers.busy, 0);
});

/** Sends so many requests at once to production with changes; how each ended. */
function sendAtOnce(
  count: number,
  changes: Partial<DeploymentSettings>,
  work: Partial<Work> = {},
): Record<Refuser | 'served', number> {
  const clock = new Clock();
  const deployment = new Deployment(clock, { ...productionSettings(measured), ...changes }, createRandom(1));
  const ended = { served: 0, gateway: 0, lambda: 0, database: 0 };
  for (let index = 0; index < count; index += 1) {
    deployment.serve({ fn: 'token', cpu_ms: 2, statements: 1, statement_ms: 0.1, ...work }, (refused) => {
      ended[refused ?? 'served'] += 1;
    });
  }
  clock.runUntil(60_000);
  return ended;
}

test('each limit refuses what is beyond it, and nothing is lost', () => {
  const open = { route_rps: { authorize: 1e6, login: 1e6, token: 1e6 }, account_burst: 1e6 };
  assert.deepEqual(sendAtOnce(100, {}), { served: 100, gateway: 0, lambda: 0, database: 0 });
  assert.deepEqual(sendAtOnce(6000, { account_burst: 500 }), { served: 500, gateway: 5500, lambda: 0, database: 0 });
  assert.deepEqual(sendAtOnce(1500, open), { served: 950, gateway: 0, lambda: 550, database: 0 });
  const slow = sendAtOnce(900, { ...open, connections: 1 }, { statement_ms: 50 });
  assert.ok(slow.database > 500 && slow.served > 50 && slow.served + slow.database === 900, JSON.stringify(slow));
});

test('reserved sandboxes are those of their function alone', () => {
  const open = { route_rps: { authorize: 1e6, login: 1e6, token: 1e6 }, account_burst: 1e6 };
  assert.deepEqual(sendAtOnce(200, open, { fn: 'login' }), { served: 50, gateway: 0, lambda: 150, database: 0 });
});

test('a scenario ends the same way each time, and every request that was asked ends in one way', () => {
  const scenario = { ...listScenarios(measured)[0], seconds: 20, ends_at_s: 20 } as Parameters<typeof runScenario>[0];
  const [first, second] = [runScenario(scenario, measured), runScenario(scenario, measured)];
  assert.deepEqual(first, second);
  const sum = (pick: (each: (typeof first.seconds)[number]) => number) =>
    first.seconds.reduce((total, each) => total + pick(each), 0);
  const ended = sum(({ served, refused }) => served + refused.gateway + refused.lambda + refused.database);
  assert.ok(sum(({ offered }) => offered) - ended <= 2);
});

test('limits follow what was measured: twice the processor time of the database is half the requests', () => {
  const full = (figures: Measured) =>
    computeLimits(figures, 'client_credentials').find(({ name }) => name === 'Processors of the database')?.full_at ?? 0;
  const { client_credentials } = measured.requests;
  const slower = { ...client_credentials, database_ms: client_credentials.database_ms * 2 };
  assert.equal(full({ ...measured, requests: { ...measured.requests, client_credentials: slower } }) * 2, full(measured));
});

test('storage is that of a day', () => {
  const { access_tokens } = computeGrowth(measured, 10);
  assert.equal(access_tokens, 864_000 * measured.row_bytes.access_tokens);
});

test('what was measured is whole: every figure is there and no smaller than it can be', () => {
  for (const [kind, figures] of Object.entries(measured.requests)) {
    assert.ok(figures.cpu_ms > 0.1 && figures.database_ms > 0.01 && figures.log_bytes > 200 && figures.answer_bytes > 200, kind);
    assert.ok(figures.metrics > 3, kind);
  }
  const { client_credentials, introspection, code_exchange, refresh } = measured.requests;
  assert.deepEqual(
    [client_credentials, introspection, code_exchange, refresh].map(({ statements }) => statements),
    [1, 1, 2, 2],
  );
  for (const [table, bytes] of Object.entries(measured.row_bytes)) assert.ok(bytes > 80 && bytes < 2000, table);
});

test('the axis has round steps that reach the highest value', () => {
  assert.deepEqual(chooseTicks(1070), [0, 500, 1000, 1500]);
  assert.deepEqual(chooseTicks(60), [0, 20, 40, 60]);
});

test('the committed picture is what the simulation draws (node docs/scaling/simulate.ts mends it)', () => {
  // Not `equal`: on a failure it would print both.
  assert.ok(readFileSync(pictureFile, 'utf8') === drawPicture());
});
