/** Instances beside the one that serves, by the API of RDS, over a Postgres that is really taken back: made, waited for, removed, and what is left found. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import type { AwsEndpoint } from '../../lib/local/aws-endpoint.ts';
import { type Database, startDatabase } from '../../lib/local/database.ts';
import { openPointInTime, type PointInTime } from '../../lib/local/point-in-time.ts';
import { openRds } from '../../lib/local/rds.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type Rewinding, rewindStep } from '../../lib/ops/rewind-step.ts';
import { openInstances } from '../../lib/ops/rewound-instance.ts';

const folder = mkdtempSync(join(tmpdir(), 'oauth2-rewind-'));
const source = 'oauth2-test';
const said: string[] = [];
let database: Database;
let points: PointInTime;
let rds: AwsEndpoint;
before(async () => {
  database = await startDatabase({ folder, fast: true });
  points = openPointInTime({ folder, url: () => database.url() });
  await points.prepare();
  const password = { secret_arn: 'arn', username: 'admin', setPassword: async () => {}, putSecret: () => {} };
  rds = await openRds({ identifier: source, ...password, port: () => database.port, points, say: (line) => said.push(line) });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_RDS: rds.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
after(async () => {
  await rds.close();
  await points.close();
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
});

const instances = openInstances(source);
let now = new Date();
const take = (input: object) =>
  runProcedure(rewindStep, { now: () => now, source, instances }, { input, apply: true, reason: 'drill', actor: 'test' });

async function must(input: object): Promise<Rewinding> {
  const { result, error } = await take(input);
  assert.equal(error, undefined);
  return result as Rewinding;
}

/** Looks until it is ready, as the state machine does. */
async function comes(run: string): Promise<Rewinding> {
  for (let looks = 0; looks < 1000; looks++) {
    const found = await must({ step: 'look', run });
    if (found.ready) return found;
  }
  return assert.fail(`${run} did not come`);
}

test('an instance is made, waited for, serves, and is removed; each step may be taken again', async () => {
  const start = { step: 'start', run: 'one', to_time: new Date().toISOString() };
  assert.deepEqual(await must(start), {
    step: 'start',
    instance: 'oauth2-test-rewound-one',
    ready: false,
    host: null,
    port: null,
    pause_seconds: 1,
  });
  await must(start);
  const { host, port } = await comes('one');
  const sql = postgres(`postgres://postgres@${host}:${port}/oauth2`, { max: 1 });
  assert.equal((await sql`select 1 as one`)[0]?.one, 1);
  await sql.end();
  await must({ step: 'remove', run: 'one' });
  await must({ step: 'remove', run: 'one' });
  while (await instances.find('oauth2-test-rewound-one')) await new Promise((done) => setImmediate(done));
  const gone = await take({ step: 'look', run: 'one' });
  assert.equal(gone.error?.code, 'no_instance');
  await must({ step: 'remove', run: 'one' });
});

test('what a restore that was cut off has left is removed by the next one, and no other instance is touched', async () => {
  const to_time = new Date().toISOString();
  await must({ step: 'start', run: 'left', to_time });
  await comes('left');
  await must({ step: 'start', run: 'next', to_time });
  await comes('next');
  while ((await instances.list(source)).length > 2) await new Promise((done) => setImmediate(done));
  assert.deepEqual((await instances.list(source)).toSorted(), [source, 'oauth2-test-rewound-next']);
  await must({ step: 'remove', run: 'next' });
});

test("it is made of what RDS keeps of an instance that is gone, by RDS's id of it", async () => {
  const to_time = new Date().toISOString();
  await must({ step: 'start', run: 'gone', to_time, from: 'db-LOCAL0000000000000000' });
  assert.equal((await comes('gone')).instance, 'oauth2-test-rewound-gone');
  await must({ step: 'remove', run: 'gone' });
  const unknown = await take({ step: 'start', run: 'unknown', to_time, from: 'db-NOTHINGISKEPT0000000' });
  assert.match(String(unknown.error?.message), /RDS does not make .*: DBInstance db-NOTHINGISKEPT0000000 not found/);
  const wrong = await take({ step: 'start', run: 'wrong', to_time, from: 'somebody-elses' });
  assert.equal(wrong.error?.code, 'invalid_input');
});

test('the pause between two looks grows with the time that it takes, and after hours it is given up', async () => {
  const began = new Date();
  await must({ step: 'start', run: 'slow', to_time: began.toISOString() });
  await comes('slow');
  const pauses: number[] = [];
  for (const seconds of [0, 60, 250, 3600]) {
    now = new Date(began.getTime() + seconds * 1000);
    pauses.push((await must({ step: 'look', run: 'slow', since: began.toISOString() })).pause_seconds);
  }
  assert.deepEqual(pauses, [1, 6, 25, 30]);
  now = new Date(began.getTime() + 5 * 3_600_000 + 1);
  const late = await take({ step: 'look', run: 'slow', since: began.toISOString() });
  assert.match(String(late.error?.message), /oauth2-test-rewound-slow is available after 5 hours/);
  now = new Date();
  await must({ step: 'remove', run: 'slow' });
});

test('what RDS refuses is told in its words, and an instance that could not be made is not waited for', async () => {
  const early = await take({ step: 'start', run: 'early', to_time: '2020-01-01T00:00:00Z' });
  assert.deepEqual([early.error?.code, /outside of the time/.test(early.error?.message ?? '')], ['refused_by_rds', true]);
  const elsewhere = openInstances('oauth2-nowhere');
  await assert.rejects(
    elsewhere.rewind('oauth2-nowhere-rewound-1', { from: 'oauth2-nowhere', to: new Date() }),
    /there is no instance oauth2-nowhere/,
  );
  const missing = await take({ step: 'start', run: 'when' });
  assert.match(String(missing.error?.message), /to_time is missing/);

  const rewind = points.rewind;
  Object.assign(points, { rewind: () => Promise.reject(new Error('no room')) });
  await must({ step: 'start', run: 'broken', to_time: new Date().toISOString() });
  while (said.length === 0) await new Promise((done) => setImmediate(done));
  Object.assign(points, { rewind });
  const broken = await take({ step: 'look', run: 'broken' });
  assert.match(String(broken.error?.message), /the instance oauth2-test-rewound-broken is failed/);
  assert.deepEqual(said, ['oauth2-test-rewound-broken could not be made: no room']);
  await must({ step: 'remove', run: 'broken' });
});
