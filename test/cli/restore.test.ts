/** The command that restores: what it wants to be told, and how it follows the state machine. With a real database: test/drills/restore.test.ts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Functions } from '../../lib/local/functions.ts';
import { openLambdaApi } from '../../lib/local/lambda-api.ts';
import { openLogsApi } from '../../lib/local/logs-api.ts';
import { openStepFunctions } from '../../lib/local/step-functions.ts';
import { sourceOf } from '../support/aws-account.ts';
import { runInProcess } from './stage.ts';

const id = 'oauth2-20260101T020000Z';
const other = 'oauth2-20260102T020000Z';
const head = { backup_id: id, taken_at: '2026-01-01T02:00:00.000Z', rows: 7, schema_version: '12', release: 'r1' };

let folder: string;
let asked: Record<string, unknown>[];
/** What the only state of the machine does. */
let work: (input: Record<string, unknown>) => unknown;
/** What became of the safety backup. */
let safety: object;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oauth2-restore-'));
  asked = [];
  work = () => ({ loaded: { taken_at: head.taken_at, tables: 3, rows: 7, rows_of: { clients: 3, users: 4 }, migrated: [] } });
  safety = { backup_id: other };
  const answers: Record<string, (payload: Record<string, unknown>) => unknown> = {
    'oauth2-local-list-backups': () => ({
      outcome: 'succeeded',
      plan: { steps: [] },
      result: { backups: [head, { ...head, backup_id: other }], unfinished: [] },
    }),
    'oauth2-local-discard-restored': (payload) => ({
      outcome: payload.apply ? 'succeeded' : 'planned',
      plan: { steps: ['drop oauth2_before_1'] },
      ...(payload.apply === true && { result: { dropped: ['oauth2_before_1'] } }),
    }),
    work: async (payload) => ({ loading: await work(payload), safety: { answer: safety } }),
  };
  const functions = {
    find: (name: string) => ((name.split(':')[0] as string) in answers ? ({ name: name.split(':')[0] } as never) : undefined),
    names: () => Object.keys(answers),
    invoke: async (name: string, text: string) => {
      const payload = JSON.parse(text) as Record<string, unknown>;
      asked.push({ name, ...payload });
      try {
        const answer = await answers[name.split(':')[0] as string]?.(payload);
        return { verdict: 'answered' as const, payload: JSON.stringify(answer), tail: () => '' };
      } catch (error) {
        const { name: errorType, message: errorMessage } = error as Error;
        return { verdict: 'failed' as const, payload: JSON.stringify({ errorType, errorMessage }), tail: () => '' };
      }
    },
  } as unknown as Functions;
  const lambda = await openLambdaApi(functions);
  const machines = await openStepFunctions({ file: join(folder, 'executions.json'), functions, say: () => {} });
  const answer = (name: string) => ({ [`${name}.$`]: '$.done.answer' });
  machines.declare([
    {
      name: 'oauth2-local-restore',
      arn: 'arn:aws:states:us-east-1:000000000000:stateMachine:oauth2-local-restore',
      definition: {
        StartAt: 'Load',
        States: {
          Load: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke',
            Parameters: { FunctionName: 'work', 'Payload.$': '$' },
            ResultSelector: { 'answer.$': '$.Payload.loading', 'safety.$': '$.Payload.safety' },
            ResultPath: '$.done',
            Catch: [
              { ErrorEquals: ['Broken'], ResultPath: '$.failure', Next: 'TakenBack' },
              { ErrorEquals: ['Unmade'], ResultPath: '$.failure', Next: 'NotRewound' },
            ],
            Next: 'Finish',
          },
          TakenBack: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
          NotRewound: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
          Finish: {
            Type: 'Pass',
            Parameters: {
              chosen: { answer: { 'backup_id.$': '$.backup_id' } },
              load: answer('answer'),
              revoke: { answer: { revoked: { source: 'former database', changed: { token_families: 2, users: 0 } } } },
              finish: {
                answer: {
                  restored: {
                    ...{ clients: 1, users: 2, sessions: 3, families: 4, access_tokens: 5, schema_version: '12' },
                    without_password: { accounts: 2, first: ['1b4e28ba-2fa1-11d2-883f-0016d3cca427'] },
                  },
                  kept: 'oauth2_before_1',
                },
              },
              'safety.$': '$.done.safety',
            },
            End: true,
          },
        },
      },
    },
  ]);
  const logs = await openLogsApi(sourceOf(new Map()));
  closing.push(
    () => lambda.close(),
    () => machines.close(),
    () => logs.close(),
  );
  writeFileSync(
    join(folder, 'runtime.json'),
    JSON.stringify({
      pid: process.pid,
      issuer: 'http://127.0.0.1:9',
      lambda_endpoint: lambda.url,
      sfn_endpoint: machines.url,
      logs_endpoint: logs.url,
    }),
  );
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...words: string[]) =>
  runInProcess(['restore', ...words], { OAUTH2_DATA_DIR: folder }, '', { tries: 1, pause_ms: 0 });
const because = ['--apply', '--reason', 'deleted by mistake'];

test('it wants one thing, and says what is allowed', async () => {
  for (const words of [
    [],
    ['--backup', id, '--discard'],
    ['--backup', 'latest'],
    ['--to-time', 'yesterday'],
    ['--to-time', '2026-01-01T00:00:00Z', '--backup', id],
  ]) {
    const { code, stderr } = await run(...words);
    assert.equal(code, 2, words.join(' '));
    assert.match(
      stderr,
      /one of --backup ID, --to-time INSTANT and --discard|allowed: the id of a backup|allowed: an instant with its offset/,
    );
  }
  assert.deepEqual(asked, []);
});

test('the plan says which backup takes the place of what, and nothing is started', async () => {
  const { code, stdout } = await run('--backup', id);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`take ${id}, of 2026-01-01T02:00:00.000Z: 7 rows, migration 12, release r1`));
  assert.match(stdout, /whatever fails puts it back by itself/);
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['oauth2-local-list-backups'],
  );
});

test('a backup that there is not is refused before anything is done', async () => {
  const unknown = await run('--backup', 'oauth2-20200101T000000Z', ...because);
  assert.deepEqual([unknown.code, /no_such_backup/.test(unknown.stderr)], [1, true]);
});

test('it shows each step, sums up what serves now, and says that nothing answers as ready where nothing does', async () => {
  const { code, stdout } = await run('--backup', id, ...because);
  // Its endpoints are not there: what was restored is not ready.
  assert.equal(code, 4);
  assert.match(stdout, /\d\d:\d\d:\d\d {2}load the backup into a database beside/);
  assert.match(stdout, /of them +clients 3, users 4\n/);
  assert.match(stdout, new RegExp(`safety backup +${other}`));
  assert.match(stdout, /revocations since, from +former database/);
  assert.match(stdout, /ended or changed by that +token_families 2\n/);
  assert.match(stdout, /accounts without a password +2: 1b4e28ba-2fa1-11d2-883f-0016d3cca427, …\n/);
  assert.match(stdout, /Next: oauth2ctl list-users shows who has no password/);
  assert.match(stdout, /the database of before +oauth2_before_1/);
  assert.match(stdout, /Next: oauth2ctl verify/);
  const input = asked.find(({ name }) => name === 'work');
  assert.deepEqual([input?.backup_id, input?.reason, typeof input?.last_write], [id, 'deleted by mistake', 'string']);
});

const why = 'backup: permission denied for table clients_copy';

test('without a safety backup it says why, and that what is kept is the only copy', async () => {
  safety = { step: 'go-without', backup_id: id, unsaved: why };
  const { stdout } = await run('--backup', id, ...because);
  assert.match(stdout, new RegExp(`no safety backup +${why}; the database of before is kept as oauth2_before_1, the only copy`));
});

test('scripts get the same: no safety backup, why, and the rows of each table', async () => {
  safety = { step: 'go-without', backup_id: id, unsaved: why };
  const { json } = await run('--backup', id, '--json', ...because);
  assert.deepEqual([json.safety_backup, json.unsaved, json.rows_of], [null, why, { clients: 3, users: 4 }]);
});

test('a failure is told with its reason, and that the database of before serves', async () => {
  work = () => {
    throw Object.assign(new Error('restore-step: what was restored is not the backup'), { name: 'Broken' });
  };
  const { code, stderr } = await run('--backup', id, ...because);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /nothing was restored, the database of before serves: restore-step: what was restored is not the backup .*taken_back/s,
  );
});

test('an instance that could not be made is told with its reason, and that nothing was changed', async () => {
  work = () => {
    throw Object.assign(new Error('rewind-step: RDS does not make it'), { name: 'Unmade' });
  };
  const { code, stderr } = await run('--backup', id, ...because);
  assert.equal(code, 1);
  assert.match(stderr, /nothing was restored, and nothing was changed: rewind-step: RDS does not make it .*not_rewound/);
});

test('one that was cut off without being taken back says so, and what to do', async () => {
  work = () => {
    throw new Error('the way back is blocked');
  };
  const { code, stderr } = await run('--backup', id, ...because);
  assert.equal(code, 1);
  assert.match(stderr, /was not taken back: run the same command again, or .* the way back is blocked .*cut_off/s);
});

test('the same command follows one that is under way; another backup has to wait', async () => {
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  const answer = work;
  work = async (input) => {
    await held;
    return answer(input);
  };
  const first = run('--backup', id, '--json', ...because);
  while (!asked.some(({ name }) => name === 'work')) await new Promise((done) => setImmediate(done));
  assert.match((await run('--backup', id)).stdout, new RegExp(`a restore of ${id} is UNDER WAY: with --apply it is followed`));
  assert.match((await run('--backup', other)).stdout, new RegExp(`a restore of ${id} is UNDER WAY: this one has to wait`));
  const refused = await run('--backup', other, ...because);
  assert.match(refused.stderr, new RegExp(`a restore of ${id} is under way`));
  let follows = () => {};
  const following = new Promise<void>((done) => {
    follows = done;
  });
  const words = ['restore', '--backup', id, ...because];
  const second = runInProcess(words, { OAUTH2_DATA_DIR: folder }, '', { tries: 1, pause_ms: 0 }, undefined, () => follows());
  await following;
  release();
  const [one, two] = await Promise.all([first, second]);
  assert.equal(one.json.backup_id, id);
  assert.match(two.stdout, new RegExp(`restored from +${id}`));
  assert.equal(asked.filter(({ name }) => name === 'work').length, 1);
});

test('whoever ends the tool while it follows is told that the restore goes on', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const answer = work;
  work = async (input) => {
    await held;
    return answer(input);
  };
  const tool = join(import.meta.dirname, '../../bin/oauth2ctl.ts');
  const child = spawn(process.execPath, [tool, 'restore', '--backup', id, ...because], {
    env: { ...process.env, OAUTH2_DATA_DIR: folder },
  });
  child.stdout.once('data', () => child.kill('SIGINT'));
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const [, signal] = await once(child, 'close');
  release();
  assert.equal(signal, 'SIGINT');
  assert.equal(said, '\nThe restore goes on; while it does, the same command follows it.\n');
});

test('what was kept is discarded on command', async () => {
  const planned = await run('--discard');
  assert.match(planned.stdout, /drop oauth2_before_1/);
  const { code, stdout } = await run('--discard', ...because);
  assert.equal(code, 0);
  assert.match(stdout, /Dropped: oauth2_before_1/);
});
