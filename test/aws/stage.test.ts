/** What only AWS has: the deploy's own steps, roles and their policies, secrets, schedules, and the tool through Lambda Invoke. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { GetFunctionConfigurationCommand, InvokeCommand } from '@aws-sdk/client-lambda';
import { GetBucketVersioningCommand, GetObjectTaggingCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { alarmNames } from '../../lib/alarms.ts';
import { functionName, type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { ask, comes, functions, lambda, openDatabase, operate, readLiveVersions, stage } from './stage-under-test.ts';

let sql = openDatabase();
after(() => sql.end());

const secrets = new SecretsManagerClient({});

async function configurationOf(name: string) {
  return lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName(stage, name), Qualifier: 'live' }));
}

/** The signing secret, as the deploy told the token endpoint. */
async function findSecret(): Promise<string> {
  const { Environment } = await configurationOf('token');
  return Environment?.Variables?.OAUTH2_SIGNING_SECRET ?? '';
}

/** What the role of a function may do with the secret, by trying it. */
async function tryRole(role: string, secret: string): Promise<string[]> {
  const { Credentials } = await new STSClient({}).send(new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'test' }));
  const client = new SecretsManagerClient({
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    },
  });
  const tries = {
    read: new GetSecretValueCommand({ SecretId: secret }),
    describe: new DescribeSecretCommand({ SecretId: secret }),
  };
  const allowed: string[] = [];
  for (const [name, command] of Object.entries(tries)) {
    try {
      await client.send(command as GetSecretValueCommand);
      allowed.push(name);
    } catch (error) {
      assert.equal((error as Error).name, 'AccessDeniedException');
    }
  }
  client.destroy();
  return allowed;
}

test('every function of the tables is deployed with its live alias on its first version', async () => {
  const versions = await readLiveVersions();
  assert.ok(versions.size >= routeNames.length + 10);
  assert.deepEqual(
    [...versions].filter(([, version]) => version !== '1'),
    [],
  );
});

test('the deploy brought schema and keys in order before there was any endpoint', async () => {
  const steps = await sql<{ procedure: string; at: Date; reason: string }[]>`
    select procedure, at, reason from audit_log where actor = 'deploy' and outcome = 'succeeded' order by at`;
  assert.deepEqual(
    steps.map(({ procedure, reason }) => [procedure, reason]),
    [
      ['migrate', 'deploy of first'],
      ['create-signing-keys', 'deploy of first'],
    ],
  );
  const done = steps.at(-1)?.at ?? new Date();
  for (const name of routeNames) {
    const { LastModified = '' } = await configurationOf(name);
    // Lambda's time has whole seconds in the emulator.
    assert.ok(
      Date.parse(LastModified) >= done.getTime() - 1000,
      `${name} is of ${LastModified}, the keys of ${done.toISOString()}`,
    );
  }
});

test('the published keys are those whose private halves are in Secrets Manager', async () => {
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: await findSecret() }));
  const { json } = await ask('/.well-known/jwks.json');
  const published = (json.keys as { kid: string; d?: string }[]).map(({ kid, d }) => {
    assert.equal(d, undefined);
    return kid;
  });
  assert.ok(published.length >= 2);
  assert.deepEqual(
    published.filter((kid) => !SecretString.includes(`"${kid}"`)),
    [],
  );
});

test('a role may read the signing secret where the tables say that its function needs it, and no other role may', async () => {
  const secret = await findSecret();
  for (const [name, needs] of functions) {
    const { Role = '' } = await configurationOf(name);
    const reads = needs.includes('signing') || needs.includes('signing-write');
    assert.deepEqual([name, await tryRole(Role, secret)], [name, reads ? ['read', 'describe'] : []]);
  }
});

test('a schedule runs its procedure through its own role', async () => {
  const client = new SchedulerClient({});
  const schedule = { GroupName: `oauth2-${stage}`, Name: 'purge-expired' };
  const { Target, FlexibleTimeWindow, ScheduleExpression } = await client.send(new GetScheduleCommand(schedule));
  assert.equal(ScheduleExpression, (procedures['purge-expired'] as Procedure).schedule);
  const change = (expression: string) =>
    client.send(new UpdateScheduleCommand({ ...schedule, Target, FlexibleTimeWindow, ScheduleExpression: expression }));
  // Its own time is an hour away; what is under test is what it then does.
  await change('rate(1 minutes)');
  const row = await comes(
    async () =>
      (
        await sql`select outcome, reason from audit_log where actor = 'schedule' and procedure = 'purge-expired' and outcome <> 'begun' limit 1`
      )[0],
    120,
    "the scheduled run's row of the audit log",
  );
  await change(ScheduleExpression ?? '');
  assert.deepEqual({ ...row }, { outcome: 'succeeded', reason: 'scheduled' });
});

test('every schedule of the table is there', async () => {
  const client = new SchedulerClient({});
  for (const name of procedureNames) {
    const { schedule, further_schedules = [] }: Procedure = procedures[name];
    if (schedule === undefined) continue;
    for (const Name of [name, ...further_schedules.map((one) => `${name}-${one.name}`)]) {
      const found = await client.send(new GetScheduleCommand({ GroupName: `oauth2-${stage}`, Name }));
      assert.deepEqual([Name, found.State], [Name, 'ENABLED']);
    }
  }
});

test('a backup goes through S3: taken by its role alone, listed, read back, and tagged for its time', async () => {
  const made = await operate(['backup', '--stage', stage, '--apply', '--reason', 'before the test']);
  assert.equal(made.code, 0, made.stderr + made.stdout);
  const { backup_id, bytes, tables } = made.json;
  assert.ok(bytes > 1000 && tables.length > 10);
  const listed = await operate(['list-backups', '--stage', stage]);
  assert.equal(listed.json.backups[0].backup_id, backup_id, listed.stderr);
  const verified = await operate(['verify-backup', backup_id, '--stage', stage]);
  assert.deepEqual([verified.code, verified.json.bytes], [0, bytes], verified.stderr);
  const { Environment } = await configurationOf('backup');
  const Bucket = Environment?.Variables?.OAUTH2_BACKUP_BUCKET ?? '';
  const s3 = new S3Client({ forcePathStyle: true });
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  const keys = Contents.map(({ Key = '' }) => Key).filter((key) => key.includes(backup_id));
  assert.equal(keys.length, 2);
  for (const Key of keys) {
    const { TagSet = [] } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
    assert.deepEqual(TagSet.map(({ Key: name, Value }) => `${name}=${Value}`).toSorted(), [
      Key.endsWith('.dump') ? 'content=dump' : 'content=manifest',
      'kind=manual',
    ]);
  }
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
  assert.equal(Status, 'Enabled');
  s3.destroy();
});

test('a restore goes through Step Functions: its role calls each function, what was revoked stays so, and what failed is taken back', async () => {
  const because = ['--stage', stage, '--apply', '--reason', 'a test'];
  const make = async (name: string) =>
    (await operate(['create-client', '--name', name, '--grant-types', 'client_credentials', ...because])).json.client_id;
  const kept = await make('in the backup');
  const { backup_id } = (await operate(['backup', ...because])).json;
  const later = await make('after the backup');
  assert.equal((await operate(['disable-client', kept, ...because])).code, 0);
  // Somebody who stays in the database keeps it from being renamed: what was done is taken back.
  await sql`select 1`;
  const refused = await operate(['restore', '--backup', backup_id, ...because]);
  assert.equal(refused.json.error.code, 'taken_back', refused.stderr + refused.stdout);
  assert.match(refused.json.error.message, /the database of before serves: .* still works in oauth2: end that session/);
  assert.equal((await ask('/ready')).status, 200);
  await sql.end();
  const restored = await operate(['restore', '--backup', backup_id, ...because]);
  sql = openDatabase();
  assert.equal(restored.code, 0, restored.stderr + restored.stdout);
  assert.deepEqual(
    [restored.json.backup_id, restored.json.revocations, restored.json.ready],
    [backup_id, 'former database', true],
  );
  const { clients } = (await operate(['list-clients', '--stage', stage])).json;
  const found = new Map(
    clients.map((one: { client_id: string; disabled_at: string | null }) => [one.client_id, one.disabled_at]),
  );
  assert.deepEqual([typeof found.get(kept), found.has(later)], ['string', false]);
  assert.equal((await ask('/ready')).status, 200);
  const discarded = await operate(['restore', '--discard', ...because]);
  assert.equal(discarded.json.dropped.length, 1, discarded.stderr);
});

test('oauth2ctl works through Lambda Invoke', async () => {
  const created = await operate([
    'create-client',
    '--stage',
    stage,
    '--name',
    'by hand',
    '--grant-types',
    'client_credentials',
    '--apply',
    '--reason',
    'a test',
  ]);
  assert.equal(created.code, 0, created.stderr);
  const { client_id } = created.json;
  const listed = await operate(['list-clients', '--stage', stage]);
  assert.ok(listed.json.clients.some((client: { client_id: string }) => client.client_id === client_id));
  const disabled = await operate(['disable-client', client_id, '--stage', stage, '--apply', '--reason', 'no longer needed']);
  assert.equal(disabled.code, 0, disabled.stderr);
  const [row] = await sql`select procedure, outcome from audit_log where reason = 'no longer needed' and outcome <> 'begun'`;
  assert.deepEqual({ ...row }, { procedure: 'disable-client', outcome: 'succeeded' });
});

test('events reach the bus through the role of the relay, and the health of events says so', async () => {
  const created = await operate([
    'create-client',
    '--stage',
    stage,
    '--name',
    'on the bus',
    '--grant-types',
    'client_credentials',
    '--apply',
    '--reason',
    'a test',
  ]);
  assert.equal(created.code, 0, created.stderr);
  const { client_id } = created.json;
  const order = JSON.stringify({ input: {}, apply: true, actor: 'test' });
  const delivered = await comes(
    async () => {
      await lambda.send(
        new InvokeCommand({ FunctionName: functionName(stage, 'relay-events'), Qualifier: 'live', Payload: order }),
      );
      const rows =
        await sql`select delivered_at from events where subject = ${`clients/${client_id}`} and delivered_at is not null`;
      return rows.length > 0 ? rows.length : undefined;
    },
    60,
    'the delivery of an event',
  );
  assert.equal(delivered, 1);
  const { status, json } = await ask('/events/health');
  assert.deepEqual([status, json.enabled, json.set_aside], [200, true, 0]);
  assert.ok(json.last_delivery);
  const shown = await operate(['events', '--stage', stage, '--subject', `clients/${client_id}`, '--tail', '1']);
  assert.equal(shown.json.delivery.state, 'delivered');
});

test('oauth2ctl status finds the stage well', async () => {
  const { code, json, stderr } = await operate(['status', '--stage', stage]);
  assert.equal(code, 0, `${stderr} ${JSON.stringify(json)}`);
});

test('oauth2ctl says so where AWS does not know who asks, and where there is no such stage', async () => {
  const stranger = await operate(['status', '--stage', stage], { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' });
  assert.match(stranger.stdout + stranger.stderr, /AWS does not know who you are/);
  const elsewhere = await operate(['status', '--stage', 'staging']);
  assert.match(elsewhere.stdout + elsewhere.stderr, /is the stage \\?"staging\\?" deployed/);
  assert.deepEqual([stranger.code, elsewhere.code], [3, 3]);
});

test('alarms of the alarm table watch the stage, each with its topics', async () => {
  const { MetricAlarms = [] } = await new CloudWatchClient({}).send(
    new DescribeAlarmsCommand({ AlarmNamePrefix: `oauth2-${stage}-`, MaxRecords: 100 }),
  );
  assert.ok(MetricAlarms.length > alarmNames.length);
  const names = MetricAlarms.map(({ AlarmName = '' }) => AlarmName.replace(`oauth2-${stage}-`, '').split('-')[0]);
  assert.deepEqual(
    names.filter((name) => !(alarmNames as readonly (string | undefined)[]).includes(name)),
    [],
  );
  assert.deepEqual(
    MetricAlarms.filter(({ AlarmActions = [] }) => AlarmActions.length === 0),
    [],
  );
});

test('what functions publish in their logs arrives where it is added up', async () => {
  await ask('/health');
  const row = await comes(
    async () => (await sql`select value from metric_totals where name = 'http_requests_total' and route = 'health' limit 1`)[0],
    60,
    'the count of a request',
  );
  assert.ok(row.value >= 1);
});
