/** Reading recorded events: by time, type and subject, page by page, with what became of each. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type EventPage, type ReadEventsInput, readEvents } from '../../lib/ops/read-events.ts';
import { clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
const noon = '2026-05-10T12:00:00.000Z';
before(async () => {
  bench = await openWorkbench();
  await bench.migrator.sql`
    insert into events (at, type, subject, data, producer)
    select ${noon}::timestamptz - make_interval(mins => n), case when n % 2 = 0 then 'user_logout' else 'user_authenticated' end, 'users/' || n % 3,
      jsonb_build_object('number', n), 'test'
    from generate_series(1, 90) as n`;
  await bench.migrator.sql`update events set delivered_at = at where data->>'number' = '1'`;
  await bench.migrator
    .sql`update events set set_aside_at = at, set_aside_because = 'MalformedDetail', attempts = 12 where data->>'number' = '2'`;
  await bench.migrator.sql`update events set next_attempt_at = at, attempts = 1 where data->>'number' = '3'`;
});
after(() => bench.stop());

async function read(input: ReadEventsInput | Record<string, unknown> = {}) {
  const tools = { db: bench.operator, issuer: 'https://issuer.example', ...clockAt(noon) };
  return runProcedure(readEvents, tools, { input });
}
async function numbers(input: ReadEventsInput): Promise<number[]> {
  const { result } = await read(input);
  return (result as EventPage).events.map(({ data }) => data.number as number);
}

test('without an instant, those of the last hour, oldest first, as CloudEvents', async () => {
  const { result } = await read();
  assert.equal(result?.events.length, 60);
  assert.deepEqual([result?.events[0]?.data.number, result?.events.at(-1)?.data.number], [60, 1]);
  assert.equal(result?.events[0]?.specversion, '1.0');
});

test('by type, by subject, the last few, and those that were set aside', async () => {
  assert.deepEqual(await numbers({ last: 3 }), [3, 2, 1]);
  assert.deepEqual(await numbers({ types: ['user_logout'], last: 2 }), [4, 2]);
  assert.deepEqual(await numbers({ subject: 'users/0', last: 2 }), [6, 3]);
  assert.deepEqual(await numbers({ set_aside: true }), [2]);
});

test('each says what became of it', async () => {
  const { result } = await read({ last: 4 });
  assert.deepEqual(
    result?.events.map(({ delivery: { state, attempts, because } }) => [state, attempts, because]),
    [
      ['waiting', 0, undefined],
      ['waiting', 1, undefined],
      ['set aside', 12, 'MalformedDetail'],
      ['delivered', 0, undefined],
    ],
  );
});

test('page by page, each exactly once', async () => {
  const all: number[] = [];
  for (let after: string | undefined; ; ) {
    const { result } = await read({ since: '2026-05-10T00:00:00Z', limit: 40, ...(after !== undefined && { after }) });
    all.push(...(result as EventPage).events.map(({ data }) => data.number as number));
    after = (result as EventPage).next_after;
    if (after === undefined) break;
  }
  assert.deepEqual(
    all,
    Array.from({ length: 90 }, (_, index) => 90 - index),
  );
});

test('what is not allowed is refused by its name', async () => {
  for (const input of [
    { types: ['nonsense'] },
    { subject: "x'; drop table events" },
    { since: 'yesterday' },
    { after: 'x' },
    { limit: 5000 },
  ]) {
    const { outcome, error } = await read(input);
    assert.equal(outcome, 'failed');
    assert.match(error?.message ?? '', new RegExp(`^${Object.keys(input)[0]} (is|marks) `));
  }
});
