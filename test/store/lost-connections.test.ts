/** Connections that end between questions, fall silent or are cut in the middle: the next question is answered, and no write is lost or doubled. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { type Database, DatabaseUnavailable } from '../../lib/store/database.ts';
import { inTransaction } from '../../lib/store/transaction.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { openStore } from '../support/store.ts';

const { admin, open, database } = await openStore();
await admin`create table marks (mark text not null)`;
await admin`grant select, insert on marks to oauth2_api`;

/** Writes a row; there is no key, so that a second one would be seen. */
const write = (db: Database, mark: string) => db.ask('write', db.sql`insert into marks (mark) values (${mark})`);
const read = async (db: Database, mark: string) =>
  (await db.ask<{ found: number }>('read', db.sql`select count(*)::integer as found from marks where mark = ${mark}`))[0]?.found;
const rowsOf = async (mark: string) => (await admin`select from marks where mark = ${mark}`).length;

/** Ends every connection of the request path, and waits until they have ended. */
const kill = `select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'oauth2_api' and datname = current_database()`;
const killAll = () => admin.unsafe(kill);

/** The same by another process, while this one stands still. */
function killFromElsewhere(): void {
  const source = `import postgres from 'postgres';
    const sql = postgres(${JSON.stringify(database.url)}, { max: 1 });
    await sql.unsafe(${JSON.stringify(kill)});
    await sql.end();`;
  execFileSync(process.execPath, ['--input-type=module', '-e', source], { cwd: import.meta.dirname });
}

let last = 0;
const nextMark = () => `mark ${++last}`;

for (const prepare of [false, true]) {
  const how = prepare ? 'named statements' : 'unnamed statements';

  test(`killed between two questions, fifty times: each next write and each next read is served (${how})`, async () => {
    const db = open({ prepare });
    for (let round = 0; round < 25; round++) {
      const mark = nextMark();
      await killAll();
      await write(db, mark);
      await killAll();
      assert.equal(await read(db, mark), 1);
    }
  });

  test(`killed while nothing of this process ran, as a sandbox that was frozen: the next write is served (${how})`, async () => {
    const db = open({ prepare });
    for (let round = 0; round < 5; round++) {
      const mark = nextMark();
      await write(db, 'warm');
      killFromElsewhere();
      await write(db, mark);
      assert.equal(await rowsOf(mark), 1);
    }
  });

  test(`killed between two questions, the next transaction is served, whole (${how})`, async () => {
    const db = open({ prepare });
    for (let round = 0; round < 10; round++) {
      const mark = nextMark();
      await write(db, 'warm');
      await killAll();
      await inTransaction(db, 'two', async (transaction) => {
        await write(transaction, mark);
        await write(transaction, mark);
      });
      assert.equal(await rowsOf(mark), 2);
    }
  });
}

test('killed at any moment of many questions: what was answered is there once, what was not is there once or not at all', async () => {
  const db = open({ connections: 4 });
  const asked = Array.from({ length: 200 }, nextMark);
  const killing = (async () => {
    for (let time = 0; time < 10; time++) await killAll();
  })();
  const answers = await Promise.allSettled(asked.map((mark) => write(db, mark)));
  await killing;
  for (const [at, answer] of answers.entries()) {
    const rows = await rowsOf(asked[at] ?? '');
    if (answer.status === 'fulfilled') assert.equal(rows, 1);
    else assert.ok(answer.reason instanceof DatabaseUnavailable && rows <= 1, `${answer.reason} ${rows}`);
  }
  await write(db, 'after all');
});

async function openWay(): Promise<Relay> {
  const relay = await openRelay(database);
  after(() => relay.close());
  return relay;
}

test('cut without a farewell: the next write goes over another connection, and is not carried out when the first one comes to life again', async () => {
  const relay = await openWay();
  const db = open({ port: relay.port, deadline_ms: 2000 });
  for (let round = 0; round < 5; round++) {
    const mark = nextMark();
    await write(db, 'warm');
    const link = relay.links.at(-1);
    relay.silence();
    await write(db, mark);
    assert.equal(await read(db, mark), 1);
    link?.client.resume();
    link?.server.resume();
    // The server has answered all that came late when its end of the connection is over.
    if (link && !link.server.destroyed && !link.server.readableEnded) {
      link.client.on('end', () => link.server.end());
      await new Promise((over) => link.server.on('close', over));
    }
    assert.equal(await rowsOf(mark), 1);
  }
});

test('cut without a farewell, many questions wait: each write is carried out once', async () => {
  const relay = await openWay();
  const db = open({ port: relay.port, deadline_ms: 3000 });
  await write(db, 'warm');
  relay.silence();
  const marks = Array.from({ length: 20 }, nextMark);
  await Promise.all(marks.map((mark) => write(db, mark)));
  for (const mark of marks) assert.equal(await rowsOf(mark), 1);
});

test('cut after a write was sent whole: it is DatabaseUnavailable and not repeated, as it may have been carried out', async () => {
  const relay = await openWay();
  const db = open({ port: relay.port, deadline_ms: 1000 });
  await write(db, 'warm');
  const mark = nextMark();
  const link = relay.links.at(-1);
  // The answer that the statement is parsed makes the driver send the rest; what is said to that is never heard.
  relay.watch((data) => {
    if (data[0] === '1'.charCodeAt(0)) link?.server.pause();
  });
  await assert.rejects(write(db, mark), DatabaseUnavailable);
  relay.watch();
  while ((await rowsOf(mark)) === 0);
  assert.equal(await rowsOf(mark), 1);
  await write(db, mark);
  assert.equal(await rowsOf(mark), 2);
});

test('cut after a read was sent whole: it is asked again', async () => {
  const relay = await openWay();
  const db = open({ port: relay.port });
  await write(db, 'warm');
  const link = relay.links.at(-1);
  let parsed = 0;
  relay.watch((data) => {
    if (data[0] !== '1'.charCodeAt(0) || ++parsed > 1) return;
    link?.server.pause();
    setImmediate(() => link?.client.destroy());
  });
  assert.equal(await read(db, 'no such mark'), 0);
  assert.equal(parsed, 2);
});

test('what begins like a read and writes is no read; neither is a statement of a transaction asked outside of it', async () => {
  const relay = await openWay();
  const db = open({ port: relay.port, deadline_ms: 1000 });
  await write(db, 'warm');
  const mark = nextMark();
  const link = relay.links.at(-1);
  relay.watch((data) => {
    if (data[0] === '1'.charCodeAt(0)) link?.server.pause();
    if (link?.server.isPaused()) setImmediate(() => link.client.destroy());
  });
  const values = db.sql`insert into marks (mark) values (${mark}) returning mark`;
  await assert.rejects(db.ask('both', db.sql`with written as (${values}) select mark from written`), DatabaseUnavailable);
  relay.watch();
  assert.ok((await rowsOf(mark)) <= 1);
  const inside = nextMark();
  const broken = inTransaction(db, 'broken', async (transaction) => {
    await write(transaction, inside);
    await killAll();
    await write(transaction, inside);
  });
  await assert.rejects(broken, DatabaseUnavailable);
  assert.equal(await rowsOf(inside), 0);
});
