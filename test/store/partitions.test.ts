/** The daily partitions, and that shaping them holds nobody up. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  createPartition,
  daysAhead,
  dropPartition,
  isOver,
  listPartitions,
  partitionDay,
  partitionName,
} from '../../lib/store/partitions.ts';
import { addToken, openWorkbench, type Workbench } from '../ops/workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const instants = fc.date({ min: new Date('2020-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });

test('a partition is named after its UTC day, and the name gives the day back', () => {
  assert.equal(partitionName(new Date('2026-11-23T00:00:00.000Z')), 'access_tokens_20261123');
  fc.assert(
    fc.property(instants, (now) => {
      const [today] = daysAhead(now, 1) as [Date];
      assert.deepEqual(partitionDay(partitionName(now)), today);
      assert.ok(today <= now && now.getTime() - today.getTime() < 86_400_000);
    }),
  );
  assert.equal(partitionDay('access_tokens_default'), undefined);
});

test('a day is over when the next one begins, and the default partition never is', () => {
  fc.assert(
    fc.property(instants, (now) => {
      const name = partitionName(now);
      const next = new Date((partitionDay(name) as Date).getTime() + 86_400_000);
      assert.equal(isOver(name, now), false);
      assert.equal(isOver(name, new Date(next.getTime() - 1)), false);
      assert.equal(isOver(name, next), true);
    }),
  );
  assert.equal(isOver('access_tokens_default', new Date('2100-01-01')), false);
});

test('tokens go to the partition of the day on which they expire, to the millisecond', async () => {
  for (const day of ['2026-06-01', '2026-06-02'])
    assert.equal(await createPartition(bench.migrator, new Date(`${day}T00:00:00.000Z`)), 'created');
  const instantsAndPlaces = {
    '2026-05-31T23:59:59.999Z': 'access_tokens_default',
    '2026-06-01T00:00:00.000Z': 'access_tokens_20260601',
    '2026-06-01T23:59:59.999Z': 'access_tokens_20260601',
    '2026-06-02T00:00:00.000Z': 'access_tokens_20260602',
  };
  for (const [instant, place] of Object.entries(instantsAndPlaces)) {
    await addToken(bench.migrator, { client_id: instant, expires_at: new Date(instant) });
    const [row] = await bench.migrator
      .sql`select tableoid::regclass::text as place from access_tokens where client_id = ${instant}`;
    assert.equal(row?.place, place);
  }
});

test('the request path may write into a new partition without a permission of its own', async () => {
  await createPartition(bench.migrator, new Date('2026-06-05T00:00:00.000Z'));
  await addToken(bench.connect('oauth2_api'), { client_id: 'api', expires_at: new Date('2026-06-05T10:00:00.000Z') });
});

test('making one that exists says so, and dropping one that is gone does nothing', async () => {
  const day = new Date('2026-06-01T00:00:00.000Z');
  assert.equal(await createPartition(bench.migrator, day), 'exists');
  assert.equal(await dropPartition(bench.migrator, 'access_tokens_19990101'), true);
});

test('while a partition cannot be dropped, tokens are issued all the same, and the drop gets its turn', async () => {
  const day = new Date('2026-06-09T00:00:00.000Z');
  await createPartition(bench.migrator, day);
  const reader = bench.connect('oauth2_api');
  const issuer = bench.connect('oauth2_api');
  const released = Promise.withResolvers<void>();
  const holding = Promise.withResolvers<void>();
  const held = reader.sql.begin(async (sql) => {
    await sql`select count(*) from access_tokens`;
    holding.resolve();
    await released.promise;
  });
  await holding.promise;
  const drop = dropPartition(bench.migrator, partitionName(day));
  for (let index = 0; index < 20; index++) {
    const started = performance.now();
    await addToken(issuer, { client_id: 'busy' });
    // Far above the lock's timeout, far below what waiting for the reader would take.
    assert.ok(performance.now() - started < 2500, 'issuing waited for the drop');
  }
  released.resolve();
  await held;
  assert.equal(await drop, true);
  assert.ok(!(await listPartitions(bench.migrator)).includes(partitionName(day)));
});
