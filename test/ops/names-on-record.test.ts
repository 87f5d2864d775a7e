/** Whatever was done about an account: what is on record outlives it, and names nobody. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { createUser } from '../../lib/ops/create-user.ts';
import { deleteUser } from '../../lib/ops/delete-user.ts';
import { disableUser } from '../../lib/ops/disable-user.ts';
import { exportUser } from '../../lib/ops/export-user.ts';
import { type Answer, type ProcedureDefinition, runProcedure } from '../../lib/ops/procedure.ts';
import { revokeTokens } from '../../lib/ops/revoke-tokens.ts';
import { setPassword } from '../../lib/ops/set-password.ts';
import { unblock } from '../../lib/ops/unblock.ts';
import { openVault, type TestVault } from './vault.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let vault: TestVault;
before(async () => {
  bench = await openWorkbench();
  vault = await openVault();
  await vault.begin(bench.migrator, new Date());
});
after(async () => {
  await vault.close();
  await bench.stop();
});

const username = 'maria.muster';
const email = 'maria@muster.example';

// biome-ignore lint/suspicious/noExplicitAny: each has an input of its own
type AnyProcedure = ProcedureDefinition<any, any, any, any>;

/** In the order of a life, with what is refused in between. */
const steps: readonly (readonly [AnyProcedure, input: object])[] = [
  [createUser, { username, email: 'maria@muster@example', password: 'correct horse' }],
  [createUser, { username, email, password: 'correct horse' }],
  [createUser, { username: username.toUpperCase(), password: 'correct horse' }],
  [block, { username, why: 'guesses' }],
  [unblock, { username }],
  [revokeTokens, { username }],
  [disableUser, { username }],
  [setPassword, { username, password: 'correct horse' }],
  [exportUser, { username }],
  [deleteUser, { username }],
  [deleteUser, { username }],
  [disableUser, { username }],
  [revokeTokens, { username }],
  [block, { username, why: 'guesses' }],
];

test('the operator is told whom it is about; audit log, logs and events know the subject alone', async () => {
  const tools = { db: bench.operator, versions: vault.versions, ...clock };
  const answers: Answer[] = [];
  for (const [definition, input] of steps)
    answers.push(await runProcedure(definition, tools, { input, apply: true, reason: 'a test', actor: 'kim' }));
  assert.deepEqual(
    answers.map(({ outcome, error }) => error?.code ?? outcome),
    [...['invalid_input', 'succeeded', 'conflict'], ...Array(7).fill('succeeded'), ...Array(4).fill('not_found')],
  );
  const [, created, , blocked, unblocked, revoked, disabled, changed] = answers.map(({ plan }) => plan.steps.join());
  assert.equal(created, `create the account "${username}" with the email address ${email}`);
  for (const plan of [blocked, unblocked, revoked, disabled, changed]) assert.match(plan ?? '', /the account "maria\.muster"/);
  assert.match(String(answers.at(-1)?.error?.message), /there is no account "maria\.muster"/);

  const { rows, text } = await readAuditLog(bench.migrator);
  assert.equal(rows.length, steps.length);
  const events = await bench.migrator.sql`select type, subject, data from events`;
  assert.doesNotMatch(text + JSON.stringify(events) + bench.output.text(), /muster/i);
  const { subject } = (answers[1]?.result ?? {}) as { subject: string };
  const about = rows.filter(({ plan, detail }) => JSON.stringify([plan, detail]).includes(subject));
  assert.deepEqual(
    about.map(({ procedure }) => procedure),
    ['create-user', 'block', 'unblock', 'revoke-tokens', 'disable-user', 'set-password', 'export-user', 'delete-user'],
  );
});
