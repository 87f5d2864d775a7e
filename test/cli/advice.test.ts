/** Every command that the tool or a procedure advises is one that the tool understands, and names the stage that it is for. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { asCalled } from '../../lib/cli/as-called.ts';
import { checkCommandLine, commandNames } from '../../lib/cli/program.ts';

const root = join(import.meta.dirname, '../..');

/** What stands in the source, or in capitals in the advice, for something that is known when it is given. */
const standIns: readonly (readonly [RegExp, string])[] = [
  [/\$\{edge\([^}]*\}/g, '2026-01-01T00:00:00Z'],
  [/\$\{before\}/g, 'open'],
  [/\$\{incident\.opened_at\}/g, '2026-01-01T00:00:00Z'],
  [/\$\{stage\}/g, 'dev'],
  [/\$\{[^}]*\}/g, '1'],
  [/\b(CLIENT_ID|USERNAME)\b/g, 'someone'],
  [/\bRANGE\b/g, '203.0.113.0/24'],
  [/\b(NUMBER|ID)\b/g, '1'],
];

/** Words by which a sentence goes on behind a command. */
const goesOn = /^(shows|lists|says|names|takes|makes|holds|keeps|has|goes|in|and|where|when|who|to)$/;

const quoted = /'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`|"((?:[^"\\\n]|\\.)*)"/g;

/** The words of each command that a text advises; of one that is only mentioned, its name. */
function commandsIn(text: string): string[][] {
  const filled = standIns.reduce((left, [placeholder, value]) => left.replaceAll(placeholder, value), text);
  return [...filled.matchAll(/\boauth2ctl ([a-z](?:(?!\boauth2ctl )[^\n])*)/g)].flatMap(([, rest = '']) => {
    const [line = ''] = rest.split(/ \\?`|\\?`|[;)]| – |: |:$|, |\. |\.$/);
    const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, one, other, bare]) => one ?? other ?? bare ?? '');
    const end = words.findIndex((word, at) => at > 0 && goesOn.test(word));
    return [end < 0 ? words : words.slice(0, end)];
  });
}

const literals = globSync('lib/**/*.ts', { cwd: root })
  .filter((file) => !/^lib\/(cli|infra|local|store)\//.test(file))
  .flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\/\*\*|\*).*$/gm, '');
    return [...source.matchAll(quoted)].map(([, one, other, third]) => ({ file, text: one ?? other ?? third ?? '' }));
  });

/** Whoever follows the advice pipes a password in where it is asked for. */
const io = {
  environment: {},
  get stdin() {
    return Readable.from(['correct horse battery staple']) as NodeJS.ReadStream;
  },
  write: () => {},
  complain: () => {},
};

test('every command that is advised is understood as it stands: its options, what it needs, and a reason where it acts', async () => {
  const failed: string[] = [];
  let checked = 0;
  for (const { file, text } of literals)
    for (const words of commandsIn(text)) {
      checked++;
      assert.ok((commandNames as string[]).includes(words[0] ?? ''), `${file}: there is no command ${words.join(' ')}`);
      await checkCommandLine(words, io).catch((error: Error) => failed.push(`${file}: ${words.join(' ')}: ${error.message}`));
    }
  assert.deepEqual(failed, []);
  assert.ok(checked > 60, `only ${checked} commands were found`);
});

test('a time that is yet to come, or that ends before it begins, is named by its option', async () => {
  const future = '2130-01-01T00:00:00Z';
  for (const words of [
    ['diagnose', '--since', future],
    ['metrics', '--since', future],
    ['logs', '--since', future],
    ['events', '--since', future],
    ['audit-log', '--until', future],
    ['retry-events', '--since', '1h', '--until', future],
  ])
    await assert.rejects(
      checkCommandLine(words, io),
      { exit: 'usage', message: new RegExp(`^${words.at(-2)} is "${future}", which is yet to come`) },
      words.join(' '),
    );
  for (const name of ['audit-log', 'retry-events'])
    await assert.rejects(checkCommandLine([name, '--since', '1h', '--until', '2h'], io), {
      exit: 'usage',
      message: '--since is "1h" and --until "2h": the time ends before it begins',
    });
  await checkCommandLine(['audit-log', '--since', '2h', '--until', '1h'], io);
});

test('commands in the midst of a text name the stage and are called as the tool was; one that names its stage already keeps it', () => {
  const advise = (text: string) => asCalled(text, 'dev', { npm_lifecycle_event: 'npx' });
  assert.equal(
    advise('end what holds the lock: oauth2ctl mend-database --end-session 9; then oauth2ctl verify'),
    'end what holds the lock: npx oauth2ctl mend-database --stage dev --end-session 9; then npx oauth2ctl verify --stage dev',
  );
  assert.equal(
    advise('oauth2ctl backup --stage dev makes one, then run this again'),
    'oauth2ctl backup --stage dev makes one, then run this again',
  );
  assert.equal(advise('npx oauth2ctl status'), 'npx oauth2ctl status --stage dev');
});

test('a command that is advised without what it needs is found', async () => {
  await assert.rejects(checkCommandLine(['migrate', '--apply'], io), /--reason/);
  await assert.rejects(checkCommandLine(['release', '--to'], io), /argument missing/);
  await assert.rejects(checkCommandLine(['explain-statement'], io), /--query/);
  assert.deepEqual(commandsIn('the proxy: oauth2ctl logs errors --since 1h; oauth2ctl migrate --apply --reason "…"'), [
    ['logs', 'errors', '--since', '1h'],
    ['migrate', '--apply', '--reason', '…'],
  ]);
});
