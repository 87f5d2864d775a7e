/** The connection to Postgres: a database that is away is one kind of error, and the next question works. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startDatabase } from '../../lib/local/database.ts';
import { type Database, DatabaseUnavailable, openDatabase } from '../../lib/store/database.ts';
import { openStore } from '../support/store.ts';

const store = await openStore();
const { admin, open } = store;

const backendPid = async (db: Database) =>
  (await db.ask<{ pid: number }>('pid', db.sql`select pg_backend_pid() as pid`))[0]?.pid as number;
const works = async (db: Database) => assert.deepEqual([...(await db.ask('one', db.sql`select 1 as one`))], [{ one: 1 }]);

test('a connection that was ended between two questions is made again', async () => {
  const db = open();
  await admin`select pg_terminate_backend(${await backendPid(db)}, 5000)`;
  await works(db);
});

test('a connection that is ended during a question is DatabaseUnavailable, and the next question works', async () => {
  const db = open();
  const pid = await backendPid(db);
  const asked = assert.rejects(db.ask('slow', db.sql`select pg_sleep(30)`), DatabaseUnavailable);
  while ((await admin`select from pg_stat_activity where pid = ${pid} and state = 'active'`).length === 0);
  await admin`select pg_terminate_backend(${pid})`;
  await asked;
  await works(db);
});

test('a statement slower than the deadline is DatabaseUnavailable, and the next question does not wait for it', async () => {
  const seen: [string, boolean][] = [];
  const { host, port, name } = store.database;
  const settings = {
    host,
    port,
    database: name,
    user: 'oauth2_api',
    tls: false,
    prepare: false,
    connections: 1,
    deadline_ms: 300,
  };
  const db = openDatabase(settings, (question, _, succeeded) => seen.push([question, succeeded]));
  await works(db);
  await assert.rejects(db.ask('slow', db.sql`select pg_sleep(20)`), {
    name: 'DatabaseUnavailable',
    detail: /slow: no answer within 300 ms/,
  });
  await works(db);
  assert.deepEqual(seen, [
    ['one', true],
    ['slow', false],
    ['one', true],
  ]);
  await db.end();
});

test('statements that wait behind a slow one on the only connection end with it, and the next question works', async () => {
  const db = open({ deadline_ms: 300 });
  const verdicts = await Promise.allSettled([1, 2, 3].map(() => db.ask('slow', db.sql`select pg_sleep(20)`)));
  for (const verdict of verdicts) assert.ok(verdict.status === 'rejected' && verdict.reason instanceof DatabaseUnavailable);
  await works(db);
});

test('a connection that falls silent, as in a failover without a farewell, is given up; the next question gets a new one', async () => {
  const sockets: Socket[] = [];
  let refuses = false;
  const relay = createServer((socket) => {
    if (refuses) return socket.destroy();
    const onward = connect(store.database.port, store.database.host);
    sockets.push(socket, onward);
    for (const end of [socket, onward]) end.on('error', () => {});
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  after(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const db = open({ port: (relay.address() as { port: number }).port, deadline_ms: 300 });
  await works(db);
  // From now on the two ends of the connection hear nothing of each other, and nobody can connect.
  for (const socket of sockets) socket.unpipe().pause();
  refuses = true;
  await assert.rejects(db.ask('lost', db.sql`select 1`), DatabaseUnavailable);
  await assert.rejects(db.ask('refused', db.sql`select 1`), DatabaseUnavailable);
  refuses = false;
  await works(db);
});

test('a server that is stopped is DatabaseUnavailable, and works again after its start, without a restart of ours', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-test-'));
  const first = await startDatabase({ folder, fast: true });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const settings = {
    host: first.host,
    port: first.port,
    database: 'oauth2',
    user: 'oauth2_migrator',
    tls: false,
    prepare: false,
    connections: 1,
  };
  const db = openDatabase(settings);
  await works(db);
  await first.stop();
  await assert.rejects(works(db), DatabaseUnavailable);
  await assert.rejects(
    works(db),
    (error) => error instanceof DatabaseUnavailable && /ECONNREFUSED|CONNECTION_CLOSED/.test(error.detail),
  );
  const second = await startDatabase({ folder, fast: true, port: first.port });
  try {
    await works(db);
  } finally {
    await db.end();
    await second.stop();
  }
});

test("T18: the driver's words are for the log, not in the message", async () => {
  const db = open({ host: '127.0.0.1', port: 1 });
  await assert.rejects(works(db), (error) => {
    assert.ok(error instanceof DatabaseUnavailable);
    assert.equal(error.message, 'The database is not available.');
    assert.match(error.detail, /ECONNREFUSED/);
    return true;
  });
});

test('a database that does not exist, and a role that may not enter, are DatabaseUnavailable', async () => {
  await assert.rejects(works(open({ database: 'nowhere' })), DatabaseUnavailable);
  await assert.rejects(works(open({ user: 'nobody' })), DatabaseUnavailable);
});

test('a wrong statement is no outage: the error stays what it is', async () => {
  const db = open();
  await assert.rejects(db.ask('wrong', db.sql`select * from nowhere`), { code: '42P01' });
  await works(db);
});

test('named prepared statements can be chosen', async () => {
  const db = open({ prepare: true });
  await works(db);
  await works(db);
});
