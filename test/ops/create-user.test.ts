/** Accounts made by an operator. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createUser } from '../../lib/ops/create-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { verifyPassword } from '../../lib/protocol/password.ts';
import { findSignIn } from '../../lib/store/users.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const create = (input: object, db = bench.operator) =>
  runProcedure(createUser, { db, ...clock }, { input, apply: true, reason: 'a test' });

test('the account can sign in with its password', async () => {
  const { result } = await create({ username: 'demo', email: 'demo@example.com', password: 'correct horse' });
  const account = await findSignIn(bench.connect('oauth2_api'), 'DEMO', null);
  assert.equal(account?.subject, result?.subject);
  assert.equal(await verifyPassword('correct horse', account?.password_hash ?? ''), true);
  assert.equal(await verifyPassword('Correct horse', account?.password_hash ?? ''), false);
});

test('a username that is taken in any case is a conflict, and the account stays as it is', async () => {
  const { subject } = (await findSignIn(bench.connect('oauth2_api'), 'demo', null)) ?? {};
  const { error } = await create({ username: 'DeMo', password: 'another password' });
  assert.equal(error?.code, 'conflict');
  assert.equal((await findSignIn(bench.connect('oauth2_api'), 'demo', null))?.subject, subject);
});

test('of two at once with one name, one is made and the other is a conflict', async () => {
  const input = { username: 'racer', password: 'correct horse' };
  const answers = await Promise.all([create(input), create(input, bench.connect('oauth2_operator'))]);
  assert.deepEqual(answers.map(({ outcome }) => outcome).toSorted(), ['failed', 'succeeded']);
  assert.equal(answers.find(({ error }) => error)?.error?.code, 'conflict');
});

test('names, addresses and passwords out of bounds are refused; a password is never repeated', async () => {
  const good = { username: 'good', password: 'long enough' };
  const refusals: [object, RegExp][] = [
    [{ password: 'long enough' }, /username is missing; allowed: a text of 1 to 200/],
    [{ ...good, username: ' padded' }, /username is " padded"/],
    [{ ...good, username: 'a\0b' }, /username/],
    [{ ...good, username: 'x'.repeat(201) }, /username/],
    [{ ...good, email: 'nowhere' }, /email is "nowhere"; allowed: an email address/],
    [{ username: 'good' }, /password is missing/],
    [{ ...good, password: 'seven77' }, /password is not allowed; allowed: a password of at least 8 characters/],
    [{ ...good, password: 'x'.repeat(1025) }, /password is not allowed/],
    [{ ...good, password: 12345678 }, /password is not allowed/],
  ];
  for (const [input, message] of refusals) {
    const { outcome, error } = await create(input);
    assert.equal(outcome, 'failed');
    assert.equal(error?.code, 'invalid_input');
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /seven77|xxxxx.*bytes|12345678/);
  }
});
