/** The logs, as the operator reads them: what is shown, what is found, what is left out, and where it ends. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';
import { runInProcess } from './stage.ts';

const minute = 60_000;
const hour = 60 * minute;
const request = (fields: object) => JSON.stringify({ level: 'info', message: 'request', ...fields });

let stage: DeployedStage;
let count = 0;
beforeEach(async () => {
  stage = await openDeployedStage();
});
afterEach(() => stage.stop());

/** Puts a line into the log of a function. @param ago in milliseconds */
function say(name: string, message: string, ago = minute, stream = '2026/11/24/[20]aa'): void {
  const group = name.startsWith('/') ? name : `/aws/lambda/oauth2-dev-${name}`;
  const events = stage.account.logs.get(group) ?? [];
  events.push({ id: String(count++), timestamp: Date.now() - ago, stream, message: `${message}\n` });
  events.sort((one, other) => one.timestamp - other.timestamp);
  stage.account.logs.set(group, events);
}

const linesOf = (text: string) => text.split('\n').filter(Boolean);

describe('what is shown', () => {
  test('one line for each event of every function, in the order of time: time, function, level, status, message', async () => {
    say('token', request({ route: 'token', status: 200, client_id: 'one' }), 2 * minute);
    say('login', request({ level: 'warn', route: 'login', status: 401, detail: 'wrong\npassword' }), minute);
    say(
      'migrate',
      JSON.stringify({ level: 'info', message: 'procedure', procedure: 'migrate', outcome: 'succeeded' }),
      3 * minute,
    );
    const { code, stdout } = await stage.run('logs');
    assert.equal(code, 0);
    const lines = linesOf(stdout);
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /^20\d\d-\d\d-\d\d [\d:.]{12} {2}migrate +info +– +procedure outcome=succeeded$/);
    assert.match(lines[1] ?? '', / {2}token +info +200 +request client_id=one$/);
    assert.match(lines[2] ?? '', / {2}login +warn +401 +request detail=wrong ⏎ password$/);
  });

  test('metrics and what Lambda says of every invocation are left out; with --json each line is as it was written', async () => {
    say('token', '{"_aws":{},"http_requests_total":1}');
    say('token', 'START RequestId: 1 Version: 20');
    say('token', 'REPORT RequestId: 1\tDuration: 2.00 ms');
    say('token', 'something in plain words');
    const line = request({ status: 200 });
    say('token', line);
    assert.equal(linesOf((await stage.run('logs')).stdout).length, 2);
    const [plain, json] = linesOf((await stage.run('logs', '--json')).stdout);
    assert.equal(JSON.parse(plain ?? '').message, 'something in plain words');
    assert.equal(json, line);
  });

  test('a line cannot drive the terminal', async () => {
    say('token', 'a \u001b]0;title\u0007 \u001b[31m red');
    assert.ok(!(await stage.run('logs')).stdout.includes('\u001b'));
  });

  test('the last lines are found however long ago, and --tail says how many', async () => {
    for (let number = 1; number <= 5; number++) say('token', request({ status: 200, number }), (10 - number) * 5 * hour);
    const lines = linesOf((await stage.run('logs', '--tail', '3', '--json')).stdout);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).number),
      [3, 4, 5],
    );
  });

  test('--since is a time or an instant, --function one function; a wrong one names what there is', async () => {
    say('token', request({ status: 200 }), 2 * hour);
    say('token', request({ status: 201 }), 10 * minute);
    say('login', request({ status: 202 }), 10 * minute);
    assert.equal(linesOf((await stage.run('logs', '--since', '1h')).stdout).length, 2);
    const instant = new Date(Date.now() - 3 * hour).toISOString();
    assert.equal(linesOf((await stage.run('logs', '--since', instant, '--function', 'token')).stdout).length, 2);
    assert.match(
      (await stage.run('logs', '--function', 'tokens')).stderr,
      /no function "tokens"; there are authorize, .*database/s,
    );
    const { code, stderr } = await stage.run('logs', '--since', 'yesterday');
    assert.deepEqual([code, /--since is "yesterday"; allowed:/.test(stderr)], [2, true]);
  });

  test('--release is what the versions of that release wrote', async () => {
    stage.deploy();
    stage.deploy();
    say('token', request({ number: 1 }), minute, '2026/11/24/[10]aa');
    say('token', request({ number: 2 }), minute, '2026/11/24/[20]bb');
    const lines = linesOf((await stage.run('logs', '--release', '1', '--json')).stdout);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).number),
      [1],
    );
    assert.match((await stage.run('logs', '--release', '9')).stderr, /has no release 9/);
  });

  test('--crashed is what a sandbox wrote before it ended badly, and of no other', async () => {
    say('token', request({ number: 1 }), 3 * minute, '[20]fell');
    say('token', 'RequestId: 1 Error: Runtime exited with error: signal: killed Runtime.ExitError', 2 * minute, '[20]fell');
    say('token', request({ number: 2 }), minute, '[20]lives');
    const { stdout } = await stage.run('logs', '--crashed');
    assert.match(stdout, /number=1\n.*error +– +RequestId: 1 Error: Runtime exited/);
    assert.doesNotMatch(stdout, /number=2/);
  });
});

describe('what is looked for', () => {
  beforeEach(() => {
    say('token', request({ status: 503, error: 'temporarily_unavailable' }));
    say('token', request({ status: 503, error: 'temporarily_unavailable' }));
    say('token', request({ status: 401, error: 'invalid_client' }));
    say('userinfo', request({ status: 403, error: 'insufficient_scope' }));
    say('token', request({ status: 400, error: 'invalid_grant', detail: 'ERROR in a text of a field' }));
    say('ready', '2026-11-24T00:00:00.000Z 1 Task timed out after 10.00 seconds');
    say('purge-expired', JSON.stringify({ level: 'error', message: 'procedure', error: 'internal_error' }));
    say('token', JSON.stringify({ level: 'warn', message: 'slow query', question: 'find-client', duration_ms: 300 }));
    say('/aws/rds/instance/oauth2-dev/postgresql', '2026-11-24 LOG:  duration: 312.5 ms  statement: select 1');
    say('/aws/rds/instance/oauth2-dev/postgresql', '2026-11-24 LOG:  checkpoint complete');
  });

  test('errors are 5xx, level error and crashes', async () => {
    const { stdout } = await stage.run('logs', 'errors', '--since', '1h');
    assert.equal(linesOf(stdout).length, 4);
    assert.match(stdout, /Task timed out/);
    assert.match(stdout, /purge-expired/);
    assert.doesNotMatch(stdout, /invalid_grant/);
  });

  test('authentication failures are 401 and 403', async () => {
    const lines = linesOf((await stage.run('logs', 'auth-failures', '--since', '1h')).stdout);
    assert.deepEqual(lines.map((line) => /error=(\w+)/.exec(line)?.[1]).sort(), ['insufficient_scope', 'invalid_client']);
  });

  test('slow queries are those of functions and those of Postgres', async () => {
    const { stdout } = await stage.run('logs', 'slow-queries', '--since', '1h');
    assert.equal(linesOf(stdout).length, 2);
    assert.match(stdout, /token .*slow query question=find-client duration_ms=300/);
    assert.match(stdout, /database .*duration: 312\.5 ms/);
  });

  test('they are counted by function, status and error', async () => {
    const { json } = await stage.run('logs', 'errors', '--count', '--json');
    assert.equal(json.total, 4);
    assert.deepEqual(json.counts[0], { what: 'token 503 temporarily_unavailable', events: 2 });
    assert.match((await stage.run('logs', 'errors', '--count')).stdout, /^4 in all\n {6}2 {2}token 503/);
  });

  test('AWS is asked for the matching lines alone', async () => {
    stage.account.calls.length = 0;
    await stage.run('logs', 'auth-failures', '--since', '1h', '--function', 'token');
    assert.deepEqual(
      stage.account.calls.map(({ operation }) => operation),
      ['FilterLogEvents'],
    );
  });
});

describe('export', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'oauth2-export-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('it writes everything as JSON lines with group and stream, and never over a file', async () => {
    say('token', '{"_aws":{}}', 2 * hour);
    say('token', 'plain', minute);
    const file = join(folder, 'out.jsonl');
    const words = ['logs', 'export', '--since', '3h', '--to', file];
    assert.match((await stage.run(...words)).stdout, /^2 events written to /);
    const lines = linesOf(readFileSync(file, 'utf8')).map((line) => JSON.parse(line));
    assert.deepEqual(lines[0].message, { _aws: {} });
    assert.deepEqual(
      [lines[1].message, lines[1].log_group, lines[1].log_stream],
      ['plain', '/aws/lambda/oauth2-dev-token', '2026/11/24/[20]aa'],
    );
    const again = await stage.run(...words);
    assert.deepEqual([again.code, /out\.jsonl/.test(again.stderr)], [1, true]);
  });

  test('without a file it goes to standard output, and --tail takes the last of it', async () => {
    for (let number = 0; number < 4; number++) say('token', request({ number }), (9 - number) * minute);
    const lines = linesOf((await stage.run('logs', 'export', '--tail', '2')).stdout);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).message.number),
      [2, 3],
    );
  });
});

test('--follow shows what comes, each line once, until it is told to stop', async () => {
  say('token', request({ number: 0 }), minute);
  const stop = new AbortController();
  const seen: number[] = [];
  let told = () => {};
  const next = () => new Promise<void>((done) => (told = done));
  let more = next();
  const words = ['logs', '--follow', '--json', '--function', 'token', '--stage', 'dev'];
  const run = runInProcess(words, {}, '', undefined, stop.signal, (text) => {
    for (const line of linesOf(text)) seen.push(JSON.parse(line).number);
    told();
  });
  await more;
  for (let number = 1; number <= 2; number++) {
    more = next();
    say('token', request({ number }), 0);
    await more;
  }
  stop.abort();
  assert.equal((await run).code, 0);
  assert.deepEqual(seen, [0, 1, 2]);
});

test('who may not read is told in one line what for', async () => {
  stage.account.before = () => {
    throw new AwsError('AccessDeniedException', 'User ada is not authorized to perform: logs:FilterLogEvents');
  };
  const { code, stderr } = await stage.run('logs');
  assert.equal(code, 3);
  assert.match(stderr, /^oauth2ctl: your AWS identity may not do this: .*logs:FilterLogEvents\n$/);
});

test('options that contradict each other are refused', async () => {
  assert.equal((await stage.run('logs', '--follow', '--count')).code, 2);
  assert.equal((await stage.run('logs', '--to', 'x')).code, 2);
  assert.equal((await stage.run('logs', 'nonsense')).code, 2);
});
