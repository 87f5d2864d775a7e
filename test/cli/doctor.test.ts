/** The doctor: each cause by its name, with what mends it, on a deployed stage; test/e2e/observation.test.ts breaks a real runtime. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { judgePresented } from '../../lib/observe/certificate.ts';
import { procedureNames } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';

let stage: DeployedStage;
let answers: Record<string, unknown>;
beforeEach(async () => {
  stage = await openDeployedStage();
  stage.deploy([...routeNames, ...procedureNames]);
  answers = {
    status: {
      healthy: true,
      problems: [],
      database: { reachable: true },
      signing: { secret: 'readable', keys: [] },
      last_runs: [],
    },
    'migration-status': { state: 'up to date' },
  };
  stage.account.invoke = (name) => {
    const result = answers[name.replace('oauth2-dev-', '')];
    return { outcome: 'succeeded', plan: { steps: [] }, result };
  };
});
afterEach(() => stage.stop());

const say = (name: string, message: string, ago: number, stream = '[10]a') => {
  const group = `/aws/lambda/oauth2-dev-${name}`;
  const events = stage.account.logs.get(group) ?? [];
  events.push({ id: String(events.length), timestamp: Date.now() - ago, stream, message });
  stage.account.logs.set(group, events);
};

async function causes(): Promise<string[]> {
  const { code, json } = await stage.run('doctor', '--json');
  assert.equal(code, json.well ? 0 : 4);
  return json.causes.map(({ cause, seen, mend }: Record<string, string>) => `${cause} | ${seen} | ${mend}`);
}

test('a stage that is well has no cause of trouble', async () => {
  assert.deepEqual(await causes(), []);
  const all = routeNames.length + procedureNames.length;
  assert.match(
    (await stage.run('doctor')).stdout,
    new RegExp(`^Stage dev, ${stage.issuer}\\.\nFunctions: ${all} of ${all} are active\\.\nNo cause`),
  );
});

test('whose address is shut out is told so, with what lets it in again', async () => {
  stage.faults['/.well-known/jwks.json'] = [
    403,
    { error: 'access_denied', error_description: 'Requests from this address are not served.' },
  ];
  const [first] = await causes();
  assert.match(
    String(first),
    /^the address of this machine is shut out \| Requests from this address are not served\. \| oauth2ctl list-blocks, then oauth2ctl unblock --address/,
  );
});

test('functions that failed or are missing are named with the reason of Lambda', async () => {
  stage.account.configurations.set('oauth2-dev-token', { State: 'Failed', StateReason: 'The image could not be pulled' });
  stage.account.functions.delete('oauth2-dev-jwks');
  const found = (await causes()).join('\n');
  assert.match(
    found,
    /the function token is Failed, .* \| The image could not be pulled \| deploy again; where that fails, oauth2ctl rollback/,
  );
  assert.match(found, /the function jwks is Missing/);
});

test('a function that does not start is named with its own words; one that has answered since is over it', async () => {
  for (const name of ['token', 'login']) {
    say(name, 'TypeError: Cannot read properties of undefined\n    at file.mjs', 60_000);
    say(name, 'INIT_REPORT Init Duration: 12.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.TypeError', 59_000);
  }
  say('login', '{"message":"request","status":200}', 1000, '[10]b');
  assert.deepEqual(
    (await causes()).map((text) => text.replace(/last at \S+\)/, 'last)')),
    [
      'the function token does not start | TypeError: Cannot read properties of undefined (1 times, last) | oauth2ctl rollback, or mend it and deploy',
    ],
  );
});

test('a database that is away is the cause of what waits for it', async () => {
  answers.status = { ...(answers.status as object), database: { reachable: false } };
  say('token', '2026-11-24T00:00:00Z 1 Task timed out after 10.00 seconds', 60_000);
  answers['migration-status'] = undefined;
  const found = await causes();
  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /^the database cannot be reached \| /);
});

for (const [state, pattern] of [
  ['failed', /a migration failed \| V9: no such column \| oauth2ctl migration-status/],
  ['pending', /a migration is pending .* oauth2ctl migrate --apply/],
  ['contradicted', /contradict each other/],
] as const)
  test(`migrations that are ${state} are named`, async () => {
    answers['migration-status'] = { state, explanation: 'V9: no such column' };
    assert.match((await causes()).join(), pattern);
  });

test('a quota that is too small is named with where to ask', async () => {
  stage.account.limits.concurrency = 10;
  assert.match((await causes()).join(), /a quota of Lambda is too small \| Lambda may run 10 sandboxes at once/);
});

test('what no cause explains is told as it was seen', async () => {
  answers.status = { ...(answers.status as object), problems: ['purge-expired failed at 2026'] };
  assert.match((await causes()).join(), /^purge-expired failed/);
});

test('a certificate: expired, refused, about to end, or good', () => {
  const now = new Date('2026-11-24T00:00:00Z');
  const judge = (valid_to: string, refused?: string) =>
    judgePresented({ valid_to, refused }, 'issuer.example', now).map(({ cause }) => cause);
  assert.deepEqual(judge('Nov 23 00:00:00 2026 GMT', 'CERT_HAS_EXPIRED'), ['the certificate of issuer.example is expired']);
  assert.deepEqual(judge('Dec 23 00:00:00 2027 GMT', 'SELF_SIGNED'), ['clients refuse the certificate of issuer.example']);
  assert.deepEqual(judge('Dec  1 00:00:00 2026 GMT'), ['the certificate of issuer.example ends in 7 days']);
  assert.deepEqual(judge('Mar  1 00:00:00 2027 GMT'), []);
});

test('status --detailed shows what AWS measures, and names what is not there with its reason', async () => {
  Object.assign(stage.account.figures, {
    concurrency: 12,
    database_cpu_percent: 33.25,
    database_free_storage_bytes: 5 * 1024 ** 3,
    proxy_pinned: 0,
  });
  stage.account.alarms = [{ AlarmName: 'oauth2-dev-NotReady', StateValue: 'ALARM' }];
  say('token', '{"level":"error","status":503,"error":"temporarily_unavailable","detail":"find-client: ECONNREFUSED"}', 60_000);
  say(
    'publish-gauges',
    '{"level":"info","message":"procedure","procedure":"publish-gauges","actor":"schedule","outcome":"succeeded"}',
    60_000,
  );
  const at = new Date(Date.now() - 3 * 3_600_000).toISOString();
  answers.status = {
    ...(answers.status as object),
    issuer: stage.issuer,
    database: { reachable: true, connections: { total: 7, active: 1, max_connections: 80 } },
    signing: { secret: 'readable', keys: [{ kid: 'k1', alg: 'ES256', state: 'active', activated_at: at, created_at: at }] },
    last_runs: [
      { procedure: 'purge-expired', outcome: 'failed', at },
      { procedure: 'backup', outcome: 'failed', at },
      { procedure: 'unblock', outcome: 'succeeded', at },
    ],
    scheduled_runs: [
      { schedule: 'purge-expired', procedure: 'purge-expired', outcome: 'failed', at },
      { schedule: 'backup', procedure: 'backup', outcome: 'failed', at },
    ],
  };
  const made = { backup_id: 'oauth2-1', kind: 'daily', taken_at: at, verified_at: at, bytes: 1, seconds: 1 };
  answers['list-backups'] = { backups: [made], unfinished: [] };
  const { json } = await stage.run('status', '--detailed', '--json');
  const rows = json.details as { what: string; value: string | null; note?: string }[];
  const found = new Map(rows.map(({ what, value, note }) => [what, [value, note]]));
  assert.deepEqual(found.get('ready')?.at(0), 'well');
  assert.deepEqual(found.get('concurrency')?.at(0), '12 of 1000');
  assert.deepEqual(found.get('database connections'), ['7 of 80', '1 active']);
  assert.deepEqual(found.get('database processors')?.at(0), '33.3 %');
  assert.deepEqual(found.get('database storage free')?.at(0), '5 GiB');
  assert.deepEqual(found.get('database memory free'), [null, 'CloudWatch has no figure of the last 15 minutes']);
  assert.deepEqual(found.get('pinned sessions')?.at(0), '0');
  assert.deepEqual(found.get('last verified backup'), ['3 h ago', 'oauth2-1; the last run failed 3 h ago']);
  assert.deepEqual(found.get('signing key ES256'), ['3 h', 'k1']);
  assert.deepEqual(found.get('schedule purge-expired'), ['failed', '3 h ago']);
  assert.deepEqual(found.get('schedule publish-gauges'), ['succeeded', '1 min ago']);
  // What was done by hand is no run of the schedule, and the one dump no run of the other.
  assert.deepEqual(found.get('schedule unblock'), ['never', 'otherwise it ran 3 h ago: succeeded']);
  assert.deepEqual(found.get('schedule backup'), ['failed', '3 h ago']);
  assert.deepEqual(found.get('schedule backup-monthly'), ['never', undefined]);
  assert.deepEqual(found.get('alarms'), ['1 of 1 fire', 'NotReady']);
  assert.match(found.get('  token')?.at(1) ?? '', /find-client: ECONNREFUSED$/);
});
