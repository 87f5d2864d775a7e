/** What the tool says before it asks anybody: mistakes by the options' names, the groups of its help, and what comes next as one would type it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asCalled } from '../../lib/cli/as-called.ts';
import { commandGroups } from '../../lib/cli/command-groups.ts';
import { commandNames } from '../../lib/cli/program.ts';
import { runInProcess } from './stage.ts';

test('every command is in one group of the help', () => {
  assert.deepEqual(Object.values(commandGroups).flat().toSorted(), commandNames.toSorted());
});

test('what comes next is written as whoever reads it would type it', () => {
  assert.equal(asCalled('oauth2ctl status', 'local', {}), 'oauth2ctl status');
  assert.equal(asCalled('oauth2ctl status', 'dev', { npm_lifecycle_event: 'npx' }), 'npx oauth2ctl status --stage dev');
  assert.equal(
    asCalled("oauth2ctl restore --discard --apply --reason '…' when nobody wants to go back", 'dev', {}),
    "oauth2ctl restore --stage dev --discard --apply --reason '…' when nobody wants to go back",
  );
  assert.equal(asCalled('oauth2ctl status', 'dev', { OAUTH2_STAGE: 'dev' }), 'oauth2ctl status');
  assert.equal(asCalled('tell the person when', 'dev', {}), 'tell the person when');
});

const mistakes: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [['revoke-tokens'], /say one of --all, --client, --user, --issued-before/],
  [['revoke-tokens', '--all', '--client', 'x'], /--all and --client do not go together/],
  [['block'], /say one of --client, --user, --address/],
  [['unblock', '--client', 'x', '--user', 'y'], /--client and --user do not go together/],
  [['incident', 'contain'], /say what contain is to do: --client, --user, --address, --maintenance/],
  [['incident', 'eradicate', '--address', '203.0.113.7'], /--address goes with contain, not with eradicate/],
  [['mend-database'], /mend-database takes one of --end-session PID/],
  [['mend-database', '--end-session', 'x'], /--end-session is "x"; allowed: the number of a process/],
  [['explain-statement', '--query', 'select 1'], /--query is "select 1"; allowed: the id of a statement/],
  [
    ['status', '--stage', 'prodution'],
    /there is no stage "prodution"; lib\/stages\.ts has local, emulator, dev, staging, production/,
  ],
  [['restore'], /say one of --backup ID/],
  [['release'], /required option '--to <number>' not specified/],
  [['statsu'], /unknown command 'statsu'/],
];

for (const [words, says] of mistakes)
  test(`a mistake is named by the option and is exit 2, for scripts as JSON: ${words.join(' ')}`, async () => {
    const told = await runInProcess(words, { OAUTH2_DATA_DIR: '/nowhere' });
    assert.equal(told.code, 2);
    assert.match(told.stderr, says);
    const { code, stdout } = await runInProcess([...words, '--json'], { OAUTH2_DATA_DIR: '/nowhere' });
    const { outcome, error } = JSON.parse(stdout);
    assert.deepEqual([code, outcome, error.code], [2, 'failed', 'usage']);
    assert.match(error.message, says);
  });
