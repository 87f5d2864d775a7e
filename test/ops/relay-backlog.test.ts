/** The relay with a large backlog: what it asks reads little, whatever waits, and a trail that cannot be asked keeps nothing from the bus. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { BusUnavailable } from '../../lib/ops/put-events.ts';
import { type RelayTools, relayEvents } from '../../lib/ops/relay-events.ts';
import { type Database, DatabaseUnavailable } from '../../lib/store/database.ts';
import { listUntrailedEvents } from '../../lib/store/event-relay.ts';
import { countedUpTo } from '../../lib/store/events.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());
beforeEach(async () => {
  await bench.migrator.sql`truncate events`;
  await bench.migrator.sql`update event_relay set held_until = null`;
});

const relay = async (more: Partial<RelayTools>) => {
  const tools = { db: bench.operator, ...clock, issuer: 'https://issuer.example', publishes: () => true, ...more };
  const answer = await runProcedure(relayEvents, tools, { apply: true, actor: 'schedule' });
  assert.equal(answer.outcome, 'succeeded', JSON.stringify(answer));
  return answer.result as NonNullable<typeof answer.result>;
};

/** Records events that wait for the bus. */
const record = (count: number, trailed: boolean) => bench.migrator.sql`
  insert into events (at, type, data, producer, trailed_at)
  select now(), 'user_logout', '{}', 'test', case when ${trailed}::boolean then now() end from generate_series(1, ${count}::integer)`;

/** A database that is told of each question before it is asked. */
const listening = (db: Database, tell: (question: string) => void): Database => ({
  ...db,
  sql: db.sql,
  ask: (question, query) => {
    tell(question);
    return db.ask(question, query);
  },
});

test('what is in the trail and waits for the bus is not walked through to find what is not', async () => {
  await record(20_000, true);
  await record(3, false);
  await bench.migrator.sql`vacuum analyze events`;
  const { operator } = bench;
  let plan = '';
  const explaining: Database = {
    ...operator,
    sql: operator.sql,
    ask: async (question, query) => {
      const rows = await operator.ask<object>(question, operator.sql`explain (analyze, timing off) ${query}`);
      plan = rows.flatMap((row) => Object.values(row)).join('\n');
      return [];
    },
  };
  await listUntrailedEvents(explaining, 1000);
  assert.match(plan, /Index Scan using events_untrailed .*actual rows=3 /);
  assert.doesNotMatch(plan, /Rows Removed/);
});

test('a question about the trail that gets no answer keeps nothing from the bus that is in the trail', async () => {
  await record(2, true);
  await record(1, false);
  const db = listening(bench.operator, (question) => {
    if (question === 'list-untrailed-events')
      throw new DatabaseUnavailable(question, '57014 canceling statement due to statement timeout');
  });
  const { delivered, waiting, trail_fault } = await relay({
    db,
    put: async (events) => events.map(() => undefined),
    trail: async () => {},
  });
  assert.deepEqual([delivered, waiting], [2, 1]);
  assert.match(trail_fault ?? '', /^list-untrailed-events: 57014/);
});

test('a backlog is counted up to a limit, and its age is that of the first event', async () => {
  await bench.migrator.sql`
    insert into events (at, type, data, producer) values (now() - interval '1 hour', 'user_logout', '{}', 'test')`;
  await record(countedUpTo + 100, false);
  const put = async () => {
    throw new BusUnavailable('no answer');
  };
  const { waiting, oldest_seconds } = await relay({ put });
  assert.equal(waiting, countedUpTo);
  assert.ok(oldest_seconds >= 3600);
});
