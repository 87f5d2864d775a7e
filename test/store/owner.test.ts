/** The owner of the schema, made by an administrator as RDS has one, on a Postgres of its own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { startDatabase } from '../../lib/local/database.ts';
import { migrate } from '../../lib/ops/migrate.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { ensureOwner, isOwnerThere } from '../../lib/store/owner.ts';

const folder = mkdtempSync(join(tmpdir(), 'oauth2-owner-'));
let server: Awaited<ReturnType<typeof startDatabase>>;
const opened: Database[] = [];

function connect(user: string): Database {
  const { host, port } = server;
  const db = openDatabase({ host, port, database: 'managed', user, tls: false, prepare: false, connections: 1 });
  opened.push(db);
  return db;
}

before(async () => {
  server = await startDatabase({ folder, fast: true });
  const sql = postgres(server.url(), { max: 1, onnotice: () => {} });
  // As RDS leaves a new instance: an administrator who is no superuser and owns the database, and the role for IAM.
  for (const statement of [
    'create role rds_iam',
    'create role oauth2_admin login createrole createdb',
    // It may pass the role on and is none of those that log in by token.
    'grant rds_iam to oauth2_admin with admin true, inherit false, set false',
    'create role rds_monitors',
    'grant pg_monitor to rds_monitors with admin option',
    'grant rds_monitors to oauth2_admin',
    'create database managed owner oauth2_admin',
    'drop owned by oauth2_migrator cascade',
    'reassign owned by oauth2_migrator to postgres',
    'alter database oauth2 owner to postgres',
    'drop role oauth2_migrator',
  ]) {
    await sql.unsafe(statement);
  }
  await sql.end();
});
after(async () => {
  for (const db of opened) await db.end();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const runMigrate = (order: object) => {
  const administrator = connect('oauth2_admin');
  const owner = { isThere: () => isOwnerThere(administrator), prepare: () => ensureOwner(administrator) };
  const tools = { db: connect('oauth2_migrator'), directory: 'migrations', now: () => new Date(), owner };
  return runProcedure(migrate, tools, { input: {}, ...order });
};

test('the plan of migrate says that the owner will be made, and makes nothing', async () => {
  const { sql } = connect('oauth2_admin');
  const roles = () => sql`select rolname from pg_roles order by 1`;
  const before = await roles();
  const { outcome, plan } = await runMigrate({});
  assert.equal(outcome, 'planned');
  assert.match(plan.steps[0] ?? '', /^make the role that owns database and schema/);
  assert.equal(plan.backup_first, undefined);
  assert.deepEqual(await roles(), before);
});

test('migrate makes the owner as the administrator of a new instance, once, and applies every migration as the owner', async () => {
  const { outcome, result } = await runMigrate({ apply: true, reason: 'a new instance' });
  assert.equal(outcome, 'succeeded');
  assert.ok((result?.applied.length ?? 0) > 0);
  assert.deepEqual((await runMigrate({})).plan.steps, ['leave the schema, which is up to date']);
  const administrator = connect('oauth2_admin');
  assert.equal(await ensureOwner(administrator), false);
  // Else RDS would let it in by token alone, and every migration logs it in by its password.
  const [{ inherits } = {}] = await administrator.sql`select pg_has_role('rds_iam', 'usage') as inherits`;
  assert.equal(inherits, false);
});

test('the roles that the migrations make log in by IAM', async () => {
  const owner = connect('oauth2_migrator');
  const members = await owner.sql`
    select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member join pg_roles g on g.oid = m.roleid
    where g.rolname = 'rds_iam' and r.rolname like 'oauth2\\_%' and r.rolname <> 'oauth2_admin' order by 1`;
  assert.deepEqual(
    members.map(({ rolname }) => rolname),
    ['oauth2_api', 'oauth2_backup', 'oauth2_migrator', 'oauth2_operator'],
  );
  const [monitor] = await owner.sql`
    select pg_has_role('oauth2_operator', 'pg_read_all_stats', 'usage') as operator, pg_has_role('oauth2_api', 'pg_read_all_stats', 'usage') as api`;
  assert.deepEqual({ ...monitor }, { operator: true, api: false });
  const [role] = await owner.sql`select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = 'oauth2_migrator'`;
  assert.deepEqual({ ...role }, { rolsuper: false, rolcreatedb: true, rolcreaterole: true });
});
