/** The rotation of the administrator's password, for real: in a Postgres that asks for it, through the APIs of RDS and Secrets Manager. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import postgres from 'postgres';
import { administratorSecret } from '../../lib/local/open-administrator.ts';
import { readAuditLog } from '../ops/workbench.ts';
import { openStage, type TestStage } from './stage.ts';

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

async function readSecret(): Promise<{ username: string; password: string }> {
  const client = new SecretsManagerClient({});
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: administratorSecret }));
  client.destroy();
  return JSON.parse(SecretString);
}

/** Whether a password opens the database; the server's own word for no. */
async function signIn({ username, password }: { username: string; password: string }): Promise<string> {
  const { host, port, name } = stage.bench.database;
  const sql = postgres({ host, port, database: name, username, password, max: 1, fetch_types: false });
  return sql`select current_user as user`
    .then(
      ([row]) => String(row?.user),
      ({ code }: { code: string }) => code,
    )
    .finally(() => sql.end());
}
const apply = ['rotate-database-password', '--apply', '--reason', 'somebody left', '--json'];

test('the plan says who has a password, and changes nothing', async () => {
  const before = await readSecret();
  const { code, stdout } = await stage.run(['rotate-database-password']);
  assert.equal(code, 0);
  assert.match(stdout, /leave oauth2_api, oauth2_operator and oauth2_migrator as they are/);
  assert.match(stdout, /have RDS replace the password of oauth2_admin_\w+, now version /);
  assert.deepEqual(await readSecret(), before);
});

test('the new password works, the one before is refused, and the audit log proves it', async () => {
  const before = await readSecret();
  assert.equal(await signIn(before), before.username);
  const { code, json } = await stage.run(apply);
  // No endpoint runs here: the password is new, and the server is not ready.
  assert.equal(code, 4);
  assert.deepEqual([json.former_password, json.ready], ['refused', false]);
  const after = await readSecret();
  assert.notEqual(after.password, before.password);
  assert.equal(await signIn(after), before.username);
  assert.equal(await signIn(before), '28P01');
  const { rows, text } = await readAuditLog(stage.bench.migrator);
  assert.deepEqual([rows.at(-1)?.procedure, rows.at(-1)?.reason], ['verify-administrator', 'somebody left']);
  assert.ok(!text.includes(after.password) && !text.includes(before.password));
});

test('cut off before the proof and run again, it ends with a password that works and one that does not', async () => {
  const before = await readSecret();
  stage.crashNext({ errorMessage: 'cut off' }, 'verify-administrator');
  assert.equal((await stage.run(apply)).code, 1);
  const { rows } = await readAuditLog(stage.bench.migrator);
  assert.deepEqual(
    [rows.at(-1)?.procedure, rows.at(-1)?.reason, rows.at(-1)?.detail],
    ['record-act', 'somebody left', '1 password about to be replaced'],
  );
  const between = await readSecret();
  assert.notEqual(between.password, before.password);
  const { json } = await stage.run(apply);
  assert.equal(json.former_password, 'refused');
  for (const old of [before, between]) assert.equal(await signIn(old), '28P01');
  assert.equal(await signIn(await readSecret()), before.username);
});

test('a password that leaked is replaced even where that cannot be recorded beforehand', async () => {
  const before = await readSecret();
  stage.crashNext({ errorMessage: 'cut off' }, 'record-act');
  const { json } = await stage.run(apply);
  assert.match(json.audit_log, /^not recorded: .*cut off/);
  assert.equal(json.former_password, 'refused');
  assert.equal(await signIn(before), '28P01');
});

test('each step is told as it begins, to people alone', async () => {
  const { stdout } = await stage.run(apply.filter((word) => word !== '--json'));
  const told = stdout.split('\n').flatMap((line) => /^\d\d:\d\d:\d\d {2}(.*)/.exec(line)?.[1] ?? []);
  assert.deepEqual(
    told
      .filter((line) => line !== 'RDS is still at work')
      .map((line) => line.replace(/oauth2_admin_\w+/, 'X').replace(/version \S+/, 'version V')),
    [
      'RDS replaces the password of X, which takes a minute or two',
      'version V is there: signing in with it, and with the one before',
      'asking /ready',
    ],
  );
  assert.match(stdout, /audit log +recorded/);
});

test('two at once leave one password that works', async () => {
  const before = await readSecret();
  const runs = await Promise.all([stage.run(apply), stage.run(apply)]);
  assert.ok(runs.some(({ code }) => code === 4));
  assert.equal(await signIn(await readSecret()), before.username);
  assert.equal(await signIn(before), '28P01');
});
