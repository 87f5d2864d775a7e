/** The proof that a password was replaced: it fails wherever the old one works or the new one does not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Administrator } from '../../lib/keys/vault.ts';
import { setAdministrator } from '../../lib/local/administrator.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type AdministratorTools, verifyAdministrator } from '../../lib/ops/verify-administrator.ts';
import { openDatabase } from '../../lib/store/database.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

const username = 'oauth2_admin_of_test';
let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  await setAdministrator(bench.database.url, username, 'new password');
});
after(() => bench.stop());

const version = (password: string): Administrator => ({ username, password, version: `of ${password}` });

function run(current: Administrator | undefined, former: Administrator | undefined, port = bench.database.port) {
  const tools: AdministratorTools = {
    db: bench.migrator,
    ...clock,
    find: async (stage) => (stage === 'AWSCURRENT' ? current : former),
    async signIn({ username: user, password }) {
      const { host, name: database } = bench.database;
      const settings = { host, port, database, user, tls: false, prepare: false, connections: 1 };
      const db = openDatabase({ ...settings, password: async () => password });
      await db.ask('sign-in', db.sql`select 1`).finally(() => db.end());
    },
  };
  return runProcedure(verifyAdministrator, tools, { apply: true, reason: 'test', actor: 'kim' });
}

test('the current password works and the one before is refused: that is what is recorded, and no password', async () => {
  const { result } = await run(version('new password'), version('old password'));
  assert.deepEqual(result, { username, version: 'of new password', former: 'refused' });
  const { text, rows } = await readAuditLog(bench.migrator);
  assert.match(String(rows.at(-1)?.detail), /version of new password works, the one before is refused/);
  assert.equal(text.includes('"new password"'), false);
});

test('where there is none before, that is said', async () => {
  assert.equal((await run(version('new password'), undefined)).result?.former, 'none');
});

test('a former password that still works is a failure, and so is a current one that does not', async () => {
  await setAdministrator(bench.database.url, `${username}_2`, 'both');
  const stillGood = { username: `${username}_2`, password: 'both', version: 'x' };
  assert.equal((await run(version('new password'), stillGood)).error?.code, 'former_password_works');
  assert.equal((await run(version('wrong'), version('old'))).error?.code, 'password_refused');
  assert.equal((await run(undefined, undefined)).error?.code, 'no_administrator');
});

test('a database that is away proves nothing', async () => {
  const { error } = await run(version('new password'), version('old password'), 9);
  assert.equal(error?.code, 'temporarily_unavailable');
});
