/** oauth2ctl events: shows and follows what was recorded, for people and for scripts. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openStage, runInProcess, type TestStage } from './stage.ts';

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());
beforeEach(() => stage.bench.migrator.sql`truncate events`);

const record = async (type: string, subject: string, secondsAgo = 0) =>
  await stage.bench.migrator.sql`
  insert into events (at, type, subject, data, producer)
  values (now() - make_interval(secs => ${secondsAgo}), ${type}, ${subject}, ${stage.bench.migrator.sql.json({ user_id: 'u', client_id: null, reason: 'a\u0007b' })}, 'test')`;

test('a line for each event: time, severity, type, subject and what is known, with no control character', async () => {
  await record('user_authentication_failed', 'users/a', 10);
  const { code, stdout } = await stage.run(['events']);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z warning user_authentication_failed +users\/a reason=a\?b user_id=u \[waiting\]\n$/,
  );
});

test('--json prints CloudEvents, one a line; --type, --subject, --since and --tail choose', async () => {
  for (const number of [1, 2, 3]) await record('user_logout', `users/${number}`, 100 - number);
  await record('user_authenticated', 'users/3', 7200);
  const subjects = async (...words: string[]) => {
    const { code, stdout, stderr } = await stage.run(['events', '--json', ...words]);
    assert.equal(code, 0, stderr);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).subject);
  };
  assert.deepEqual(await subjects(), ['users/1', 'users/2', 'users/3']);
  assert.deepEqual(await subjects('--tail', '1'), ['users/3']);
  assert.deepEqual(await subjects('--subject', 'users/2'), ['users/2']);
  assert.deepEqual(await subjects('--since', '3h', '--type', 'user_authenticated'), ['users/3']);
  assert.deepEqual(await subjects('--set-aside'), []);
});

test('more than a page is read to its end', async () => {
  await stage.bench.migrator.sql`
    insert into events (at, type, subject, data, producer)
    select now() - make_interval(secs => n), 'user_logout', 'users/many', '{}', 'test' from generate_series(1, 1200) as n`;
  const { stdout } = await stage.run(['events', '--json', '--since', '1h']);
  assert.equal(stdout.trim().split('\n').length, 1200);
});

test('--follow shows what comes, also what becomes visible late, each once, and ends when it is told to', async () => {
  await record('user_logout', 'users/before', 5);
  const enough = new AbortController();
  let seen = '';
  const steps = [
    () => record('user_authenticated', 'users/one'),
    // Its transaction took its time: it comes after a later one.
    () => record('user_authenticated', 'users/late', 2),
    () => enough.abort(),
  ];
  const { code, stdout } = await runInProcess(
    ['events', '--follow', '--json'],
    { OAUTH2_DATA_DIR: stage.folder },
    '',
    { tries: 1, pause_ms: 0 },
    enough.signal,
    (text) => {
      seen += text;
      void steps.shift()?.();
    },
  );
  assert.equal(code, 0);
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).subject),
    ['users/before', 'users/one', 'users/late'],
  );
  assert.equal(seen, stdout);
});

test('what is not understood is refused by its option', async () => {
  for (const [words, said] of [
    [['--type', 'nonsense'], /--type is "nonsense"; allowed: authorization_code_created/],
    [['--since', 'yesterday'], /--since is "yesterday"/],
    [['--tail', '0'], /--tail is "0"/],
    [['--follow', '--set-aside'], /--follow does not go with --set-aside/],
  ] as const) {
    const { code, stderr } = await stage.run(['events', ...words]);
    assert.equal(code, 2);
    assert.match(stderr, said);
  }
  const wrong = await stage.run(['events', '--subject', 'nobody']);
  assert.deepEqual([wrong.code, /subject is "nobody"; allowed: users/.test(wrong.stderr)], [1, true]);
});
