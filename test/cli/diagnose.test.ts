/** The diagnosis of a deployed stage: windows, releases, events of the database, the log and what the server stands on come together. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import type { MeasuredWindow } from '../../lib/observe/measured.ts';
import { type Traffic, windowOf } from '../observe/windows.ts';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';

let stage: DeployedStage;
let windows: MeasuredWindow[];
let report: { outcome: string; result?: unknown };
beforeEach(async () => {
  stage = await openDeployedStage();
  windows = [];
  report = { outcome: 'succeeded', result: { findings: [] } };
  stage.account.invoke = (name, payload) => {
    if (name !== 'oauth2-dev-read-metrics') return { plan: { steps: [] }, ...report };
    const { from, to } = payload.input as { from: string; to: string };
    // The first call is about now, the second about the time before.
    const window = windows.shift();
    if (window === undefined)
      return {
        outcome: 'failed',
        plan: { steps: [] },
        error: { code: 'temporarily_unavailable', message: 'The database is not available.' },
      };
    return { outcome: 'succeeded', plan: { steps: [] }, result: { ...window, from, to } };
  };
});
afterEach(() => stage.stop());

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const usual: Traffic[] = [{ status: 200, requests: 1000 }];
const failing: Traffic[] = [
  { status: 200, requests: 900 },
  { status: 503, requests: 100, steps: [6, 12] },
];
const measured = (now: readonly Traffic[], before: readonly Traffic[] = usual) => {
  windows = [windowOf(now), windowOf(before)];
};

function say(name: string, message: string, minutes: number): void {
  const group = name === 'postgresql' ? '/aws/rds/instance/oauth2-dev/postgresql' : `/aws/lambda/oauth2-dev-${name}`;
  const events = stage.account.logs.get(group) ?? [];
  events.push({ id: String(events.length), timestamp: Date.now() - minutes * 60_000, stream: '[10]a', message });
  stage.account.logs.set(group, events);
}

const diagnose = () => stage.run('diagnose', '--since', '1h', '--json');
const causesOf = (json: Record<string, unknown>) => (json.suspects as { cause: string }[]).map(({ cause }) => cause);

test('an hour like the one before is well', async () => {
  stage.deploy();
  measured(usual);
  const { code, json } = await diagnose();
  assert.equal(code, 0, JSON.stringify(json.suspects));
  assert.equal(json.well, true);
  assert.deepEqual([json.now.requests, json.before.requests], [1000, 1000]);
});

test('errors since a release: what changed, where, what the log says, and the rollback first', async () => {
  stage.deploy(undefined, { time: ago(120) });
  stage.deploy(undefined, { time: ago(32) });
  measured(failing);
  say(
    'token',
    JSON.stringify({
      level: 'error',
      message: 'request',
      route: 'token',
      status: 503,
      error: 'temporarily_unavailable',
      detail: 'find-client: no',
    }),
    20,
  );
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  assert.deepEqual(causesOf(json).slice(0, 2), ['a release', 'only token fails']);
  assert.equal(json.suspects[0].recommend[0], 'oauth2ctl rollback');
  assert.match(json.symptoms[0].seen, /^5xx: 100 of 1000 \(10 %\), before 0 of 1000 \(0 %\)$/);
  const changed = json.routes.find(({ status }: { status: string }) => status === '503');
  assert.deepEqual([changed.route, changed.requests, changed.requests_before], ['token', 100, 0]);
  assert.deepEqual(json.errors, [{ what: 'token 503 temporarily_unavailable find-client: no', times: 1 }]);
  measured(failing);
  const { stdout } = await stage.run('diagnose', '--since', '1h');
  assert.match(stdout, /^5xx +10 % +0 %$/m);
  assert.match(stdout, /^ {2}1\. a release \(very likely\)$/m);
  assert.match(stdout, /^ {5}→ oauth2ctl rollback --stage dev$/m);
  assert.match(stdout, /release 2 was deployed: 1\.2\.0/);
});

test('a failover of RDS right before, told by RDS and by the log of Postgres; its backups are no event', async () => {
  stage.deploy(undefined, { time: ago(600) });
  stage.account.database_events = [
    { at: ago(31), message: 'Multi-AZ instance failover started', category: 'failover' },
    { at: ago(50), message: 'Backing up DB instance', category: 'backup' },
    { at: ago(300), message: 'DB instance restarted', category: 'availability' },
  ];
  say('postgresql', '2026-11-25 02:00:00 UTC::@:[1]:LOG:  database system is ready to accept connections', 29);
  measured(failing);
  const { json } = await diagnose();
  assert.equal(json.happenings.length, 2);
  assert.match(json.happenings[0].what, /^RDS: Multi-AZ instance failover started \(failover\)$/);
  assert.match(json.happenings[1].what, /^Postgres: database system is ready/);
  assert.equal(causesOf(json)[0], 'an event of the database');
});

test('what an operator did shortly before is lined up with its reason', async () => {
  stage.deploy(undefined, { time: ago(600) });
  const act = { at: ago(33), actor: 'ann@desk', procedure: 'mend-database', reason: 'bloat', outcome: 'succeeded', detail: null };
  windows = [{ ...windowOf(failing), acts: [act] }, windowOf(usual)];
  const { json } = await diagnose();
  assert.match(json.happenings[0].what, /^ann@desk ran mend-database \(succeeded\): bloat$/);
  assert.equal(causesOf(json)[0], 'what an operator did: mend-database');
});

test('a database that is away is the cause, although nothing that was measured can be read', async () => {
  stage.deploy(undefined, { time: ago(600) });
  stage.sick.add(1);
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  assert.deepEqual(causesOf(json), ['database: not well']);
  assert.match(json.notes[0], /^what was measured cannot be read: The database is not available\.$/);
  assert.equal(json.now, null);
});

test('metrics that cannot be read while the database is well are a finding of their own', async () => {
  stage.deploy(undefined, { time: ago(600) });
  assert.deepEqual(causesOf((await diagnose()).json), ['metrics: not well']);
});

test('maintenance, events that are not delivered, and events that are not enabled', async () => {
  stage.deploy(undefined, { time: ago(600) });
  stage.faults['/ready'] = [200, { status: 'maintenance', checks: { database: 'ok', migrations: 'ok', keys: 'ok' } }];
  stage.faults['/events/health'] = [503, { enabled: true, plugins: [] }];
  measured(usual);
  assert.deepEqual(causesOf((await diagnose()).json), ['the stage is in maintenance', 'events: not well']);
  stage.faults['/ready'] = [200, { status: 'ready', checks: { database: 'ok' } }];
  stage.faults['/events/health'] = [200, { enabled: false, plugins: [] }];
  measured(usual);
  const { json } = await diagnose();
  assert.deepEqual(json.dependencies.at(-1).verdict, 'not enabled');
  assert.equal(json.well, true);
});

test('slow requests with throttles, a crash and locks: each with what to do', async () => {
  stage.deploy(undefined, { time: ago(600) });
  stage.account.figures.throttles_token = 7;
  say('login', '2026-11-25T00:00:00Z 1 Task timed out after 10.00 seconds', 10);
  report.result = { findings: [{ about: 'locks', seen: 'process 7 waits', change: 'end process 9' }] };
  measured([...usual.map((one) => ({ ...one, requests: 900 })), { status: 200, requests: 100, seconds: 3 }]);
  const { json } = await diagnose();
  assert.deepEqual(causesOf(json).slice(0, 3), [
    'the function login runs out of time',
    'Lambda has no sandbox left',
    'the database: locks',
  ]);
  assert.match(json.suspects[1].because, /^7 invocations/);
});

test('a function that never answers has counted nothing: its crashes are the symptom, and what the gateway counted says how many', async () => {
  stage.deploy(undefined, { time: ago(600) });
  say('token', 'INIT_REPORT Init Duration: 1 ms\tPhase: init\tStatus: error\tError Type: Runtime.Unknown', 10);
  measured(usual);
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  assert.deepEqual(json.symptoms, [{ symptom: 'requests fail', seen: 'token crashed once', since: null }]);
  assert.match(json.notes[0], /^5xx that no function answered are not counted here/);
  const { stdout } = await stage.run('diagnose', '--since', '1h');
  assert.match(stdout, /^Stage dev, since /);
});

test('what the advice of a deployed stage names is that stage', async () => {
  stage.deploy(undefined, { time: ago(32) });
  measured(failing);
  report.result = { findings: [{ about: 'locks', seen: 'waits', change: 'end it: oauth2ctl mend-database --end-session 9' }] };
  const { stdout } = await stage.run('diagnose', '--since', '1h');
  assert.match(stdout, /→ oauth2ctl rollback --stage dev$/m);
  assert.match(stdout, /→ end it: oauth2ctl mend-database --stage dev --end-session 9$/m);
});

test('what AWS does not let be read is noted, and hinders nothing else', async () => {
  stage.deploy(undefined, { time: ago(30) });
  stage.account.before = ({ operation }) => {
    if (operation === 'DescribeEvents') throw new AwsError('AccessDenied', 'not authorized to perform rds:DescribeEvents', 403);
  };
  measured(failing);
  const { code, json } = await diagnose();
  assert.equal(code, 4);
  assert.equal(json.notes.length, 2);
  assert.match(json.notes[1], /^events of RDS could not be read: /);
  assert.equal(causesOf(json)[0], 'a release');
});
