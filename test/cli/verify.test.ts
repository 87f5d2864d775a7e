/** The check after a deploy: what is looked at, what is found, and the client that is never left enabled. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';

const topic = 'arn:aws:sns:eu-central-1:111122223333:oauth2-dev-critical';

let stage: DeployedStage;
let invoked: { name: string; input: Record<string, unknown>; reason: string }[];
beforeEach(async () => {
  stage = await openDeployedStage();
  stage.deploy();
  stage.account.alarms = [
    { AlarmName: 'oauth2-dev-HighErrorRate', StateValue: 'OK', AlarmActions: [topic] },
    { AlarmName: 'oauth2-dev-NotReady', StateValue: 'INSUFFICIENT_DATA', AlarmActions: [topic] },
    { AlarmName: 'oauth2-production-HighErrorRate', StateValue: 'ALARM' },
  ];
  stage.account.subscriptions.set(topic, [
    { protocol: 'email', endpoint: 'ops@example.com', arn: `${topic}:1` },
    { protocol: 'https', endpoint: 'https://pager.example.com', arn: `${topic}:2` },
  ]);
  invoked = [];
  stage.account.invoke = (name, { input, reason }) => {
    invoked.push({ name, input: input as Record<string, unknown>, reason: String(reason) });
    const result = name.endsWith('create-client') ? { client_id: 'throw-away', client_secret: 'secret' } : {};
    return { outcome: 'succeeded', plan: { steps: [] }, result };
  };
});
afterEach(() => stage.stop());

type Check = { readonly name: string; readonly verdict: string; readonly detail: string };

async function verify(): Promise<{ code: number; checks: Map<string, Check> }> {
  const { code, json } = await stage.run('verify', '--json');
  return { code, checks: new Map((json.checks as Check[]).map((check) => [check.name, check])) };
}

test('a stage that is well is well in every respect', async () => {
  const { code, checks } = await verify();
  assert.equal(code, 0);
  const names = ['health', 'ready', 'discovery', 'jwks', 'client', 'token', 'introspection', 'client disabled', 'alarms'];
  names.push('alarm receivers');
  assert.deepEqual([...checks.keys()], names);
  for (const { name, verdict } of checks.values()) assert.equal(verdict, 'well', name);
  assert.equal(checks.get('alarms')?.detail, 'none of 2 fires; without data yet: NotReady');
  assert.equal(checks.get('alarm receivers')?.detail, 'confirmed: ops@example.com (email), https://pager.example.com (https)');
  assert.match((await stage.run('verify')).stdout, /^VERDICT +CHECK +FOUND$.*All is well\.$/ms);
});

test('the client is for client credentials, and disabled by its id with the same reason', async () => {
  await stage.run('verify', '--reason', 'after 1.1.0');
  assert.deepEqual(invoked, [
    {
      name: 'oauth2-dev-create-client',
      input: { client_name: 'oauth2ctl verify', grant_types: ['client_credentials'] },
      reason: 'verify: after 1.1.0',
    },
    { name: 'oauth2-dev-disable-client', input: { client_id: 'throw-away' }, reason: 'verify: after 1.1.0' },
  ]);
});

for (const [what, path, answer, pattern] of [
  ['ready', '/ready', [503, { checks: { database: 'unreachable' } }], /answers 503: \{"database":"unreachable"\}/],
  [
    'discovery',
    '/.well-known/openid-configuration',
    [200, { issuer: 'https://other.example' }],
    /says issuer https:\/\/other\.example/,
  ],
  ['jwks', '/.well-known/jwks.json', [200, { keys: [] }], /has no key/],
  ['jwks', '/.well-known/jwks.json', [200, { keys: [{ kid: 'one', kty: 'EC', d: 'x' }] }], /holds a PRIVATE key/],
  ['token', '/oauth/token', [401, { error: 'invalid_client' }], /the token endpoint answers 401 invalid_client/],
  ['introspection', '/oauth/introspect', [200, { active: false }], /active false, for a token just issued/],
] as const)
  test(`${what} that is not well is found (${path}), and the client is disabled all the same`, async () => {
    stage.faults[path] = answer;
    const { code, checks } = await verify();
    assert.equal(code, 4);
    assert.equal(checks.get(what)?.verdict, 'not well');
    assert.match(checks.get(what)?.detail ?? '', pattern);
    assert.equal(invoked.at(-1)?.name, 'oauth2-dev-disable-client');
  });

test('whoever has not confirmed, and would be told of nothing, is found; where nobody is to be told, that is said', async () => {
  stage.account.subscriptions.get(topic)?.push({ protocol: 'email', endpoint: 'new@example.com', arn: 'PendingConfirmation' });
  const waiting = await verify();
  assert.equal(waiting.code, 4);
  assert.equal(
    waiting.checks.get('alarm receivers')?.detail,
    'told of nothing until the link in the mail of SNS is opened: new@example.com (email)',
  );
  stage.account.subscriptions.clear();
  const nobody = await verify();
  assert.deepEqual([nobody.code, nobody.checks.get('alarm receivers')?.verdict], [0, 'skipped']);
  assert.match(nobody.checks.get('alarm receivers')?.detail ?? '', /^alarms tell nobody: alarm_emails/);
});

test('an alarm that fires is found by its name, and no alarm at all is none that is well', async () => {
  stage.account.alarms.push({ AlarmName: 'oauth2-dev-DatabaseDown', StateValue: 'ALARM' });
  const firing = await verify();
  assert.deepEqual([firing.code, firing.checks.get('alarms')?.detail], [4, '1 of 3 fire: DatabaseDown']);
  stage.account.alarms = [];
  assert.match((await verify()).checks.get('alarms')?.detail ?? '', /nobody would hear of a failure/);
});

test('a client that cannot be disabled is named with the command that does it', async () => {
  const well = stage.account.invoke;
  stage.account.invoke = (name, payload) =>
    name.endsWith('disable-client')
      ? { outcome: 'failed', plan: { steps: [] }, error: { code: 'temporarily_unavailable', message: 'the database is away.' } }
      : well(name, payload);
  const { code, checks } = await verify();
  assert.equal(code, 4);
  assert.match(
    checks.get('client disabled')?.detail ?? '',
    /the database is away\.: run oauth2ctl disable-client --apply --reason "verify could not" -- throw-away/,
  );
});

test('a server that does not answer is not well, in one line for each check', async () => {
  const parameter = '/oauth2/dev/releases/000001';
  const release = JSON.parse(stage.account.parameters.get(parameter) ?? '');
  stage.account.parameters.set(parameter, JSON.stringify({ ...release, issuer: 'http://127.0.0.1:9' }));
  const { code, checks } = await verify();
  assert.equal(code, 4);
  assert.match(checks.get('health')?.detail ?? '', /fetch failed/);
});
