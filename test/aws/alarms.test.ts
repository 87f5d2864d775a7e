/** Drill: what a deployed stage's own queues, bucket and certificates show when they fail makes the alarms fire, and what their pages say ends it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { CloudWatchClient, DescribeAlarmsCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import {
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  InvokeCommand,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  DeleteBucketReplicationCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  type ReplicationRule,
  S3Client,
} from '@aws-sdk/client-s3';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { alarms } from '../../lib/alarms.ts';
import { checkPresented } from '../../lib/observe/certificate.ts';
import { tried } from '../../lib/observe/try-alarms.ts';
import { functionName } from '../../lib/procedures.ts';
import { recordDrill } from '../drills/record.ts';
import { assertAllFired } from '../drills/where-alarms-fire.ts';
import { openAlarmDrill, type Seen } from '../support/alarm-drill.ts';
import { readCommand } from '../support/runbook-page.ts';
import { followDeployedPage } from './deployed-page.ts';
import { account, region } from './emulator.ts';
import { comes, folder, lambda, openDatabase, operate, stage } from './stage-under-test.ts';

const { assertFires, fired, templates } = await openAlarmDrill();

const cloudwatch = new CloudWatchClient({});
const sqs = new SQSClient({});
const s3 = new S3Client({ forcePathStyle: true });
const sql = openDatabase();
after(async () => {
  await sql.end();
  cloudwatch.destroy();
  sqs.destroy();
  s3.destroy();
});

const because = ['--stage', stage, '--apply', '--reason', 'a drill'];
const measured = (...values: number[]): Seen => ({ lines: [], measured: values });

/** The queue that an alarm of the deployed stage watches. */
async function queueOf(alarm: keyof typeof alarms): Promise<string> {
  const AlarmNames = [`oauth2-${stage}-${alarm}`];
  const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames }));
  const QueueName = MetricAlarms[0]?.Dimensions?.find(({ Name }) => Name === 'QueueName')?.Value;
  const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  return QueueUrl;
}

async function depthOf(QueueUrl: string): Promise<number> {
  const AttributeNames = ['ApproximateNumberOfMessages' as const];
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
  return Number(Attributes?.ApproximateNumberOfMessages);
}

test('whoever is subscribed is told of an alarm that is raised for a try, which is on record', async () => {
  const { MetricAlarms = [] } = await cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNames: Object.values(tried).map((name) => `oauth2-${stage}-${name}`) }),
  );
  const Endpoint = `arn:aws:sqs:${region}:${account}:pager`;
  const Statement = {
    Effect: 'Allow',
    Principal: { Service: 'sns.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: Endpoint,
  };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'pager', Attributes: { Policy } }));
  const sns = new SNSClient({});
  for (const { AlarmActions: [TopicArn] = [] } of MetricAlarms)
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }));
  sns.destroy();

  assert.match((await operate(['try-alarms', '--stage', stage])).stdout, /tell arn:aws:sqs:.*:pager \(sqs\)/);
  await followDeployedPage('try-alarms');
  const told = new Map<string, string>();
  await comes(
    async () => {
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      for (const { Body = '' } of Messages) {
        const { AlarmName, NewStateValue, AlarmDescription } = JSON.parse(JSON.parse(Body).Message);
        told.set(`${NewStateValue} ${AlarmName}`, AlarmDescription);
      }
      return told.size >= 2 || undefined;
    },
    20,
    'both alarms at the pager',
  );
  assert.deepEqual(
    [...told.keys()].sort(),
    ['FunctionMemoryHigh', 'ScheduleFailed'].map((name) => `ALARM oauth2-${stage}-${name}`),
  );
  for (const description of told.values()) assert.match(description, /runbooks\/[\w-]+\.md$/);
  const [row] = await sql`select reason, detail from audit_log where procedure = 'record-act' order by at desc limit 1`;
  assert.equal(row?.detail, '2 alarms raised for a try');
  // The emulator looks at no metric, and would leave them as they are.
  for (const { AlarmName } of MetricAlarms)
    await cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: 'OK', StateReason: 'the try is over' }));
});

test('a scheduled run that fails every time is kept in the queue, which names its error, until it is emptied', async () => {
  const queue = await queueOf('ScheduleFailed');
  const calm = measured(await depthOf(queue));
  const FunctionName = functionName(stage, 'unblock');
  const { DestinationConfig, MaximumRetryAttempts } = await lambda.send(
    new GetFunctionEventInvokeConfigCommand({ FunctionName, Qualifier: 'live' }),
  );
  // The emulator looks at what is said of the function, and not of its alias.
  await lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, DestinationConfig, MaximumRetryAttempts }));
  const Payload = JSON.stringify({ input: { nonsense: true }, apply: true, reason: 'scheduled', actor: 'schedule' });
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
  await comes(async () => ((await depthOf(queue)) > 0 ? true : undefined), 60, 'the run in the queue');
  const failed = measured(await depthOf(queue));
  const shown = await operate(['dead-letters', '--stage', stage]);
  assert.match(shown.json.plan.steps[0], /the run of unblock of \S+: unblock: .*nonsense/);
  assert.deepEqual(shown.json.next, ['oauth2ctl logs errors --function unblock --since 1d']);
  assert.equal(await depthOf(queue), failed.measured?.[0], 'a look has taken something away');
  await followDeployedPage('dead-letters');
  assertFires('ScheduleFailed', 'dead-letters', failed, calm);
  assertFires('ScheduleFailed', 'dead-letters', failed, measured(await depthOf(queue)));
  const [row] = await sql`select reason, detail from audit_log where procedure = 'record-act' order by at desc limit 1`;
  assert.deepEqual({ ...row }, { reason: 'mended, and run by hand', detail: '1 dead letter taken out' });
});

test('events that the bus could not encrypt are sent once more, and the queue is emptied', async () => {
  const queue = await queueOf('EventsDropped');
  const calm = measured(await depthOf(queue));
  const made = await operate(['create-client', '--name', 'dropped', '--grant-types', 'client_credentials', ...because]);
  const subject = `clients/${made.json.client_id}`;
  const Payload = JSON.stringify({ input: {}, apply: true, actor: 'test' });
  const told = await comes(
    async () => {
      await lambda.send(new InvokeCommand({ FunctionName: functionName(stage, 'relay-events'), Qualifier: 'live', Payload }));
      const { json } = await operate(['events', '--stage', stage, '--subject', subject, '--tail', '1']);
      return json.delivery.state === 'delivered' ? (json as { time: string; type: string }) : undefined;
    },
    60,
    'the delivery of an event',
  );
  // What EventBridge does with an event whose key it may not use: the emulator has no such key. More than SQS hands out at once.
  for (let count = 0; count < 12; count++)
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queue,
        MessageBody: JSON.stringify({ 'detail-type': told.type, time: told.time, detail: told }),
      }),
    );
  const dropped = measured(await depthOf(queue));
  const shown = await operate(['dead-letters', '--stage', stage]);
  assert.equal(shown.json.plan.steps.length, 12);
  const [advice = ''] = shown.json.next as string[];
  const { words } = readCommand(`npx ${advice}`, 'dead-letters');
  const again = await operate([...words, '--stage', stage]);
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.ok(again.json.retried >= 1, again.stdout);
  const taken = await operate(['dead-letters', ...because]);
  assert.deepEqual([taken.json.taken_out.length, taken.json.left], [12, 0], taken.stdout + taken.stderr);
  assertFires('EventsDropped', 'dead-letters', dropped, calm);
  assertFires('EventsDropped', 'dead-letters', dropped, measured(await depthOf(queue)));
});

test('a backup whose copy could not be written says so at its objects; once that is put right, the next one is copied', async () => {
  const { Environment } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: functionName(stage, 'backup'), Qualifier: 'live' }),
  );
  const Bucket = Environment?.Variables?.OAUTH2_BACKUP_BUCKET ?? '';
  // The rule of a stage that has copies in a second region.
  const [rule] =
    templates
      .some('AWS::S3::Bucket')
      .map(
        ({ properties }) =>
          (properties.ReplicationConfiguration as { Rules: (ReplicationRule & { Id: string })[] } | undefined)?.Rules,
      )
      .find((one) => one !== undefined) ?? [];
  if (rule === undefined) return assert.fail('the complete stage has no copies');
  const arnOf = { bucket: rule.Destination?.Bucket, key: rule.Destination?.EncryptionConfiguration?.ReplicaKmsKeyID };
  const there = new S3Client({ forcePathStyle: true, region: arnOf.key?.split(':')[3] ?? '' });
  const copies = arnOf.bucket?.split(':::')[1] ?? '';
  const setVersioning = (Status: 'Enabled' | 'Suspended') =>
    there.send(new PutBucketVersioningCommand({ Bucket: copies, VersioningConfiguration: { Status } }));
  await there.send(new CreateBucketCommand({ Bucket: copies }));
  await setVersioning('Enabled');
  const { Id: ID, ...wanted } = rule;
  const Role = 'arn:aws:iam::000000000000:role/replication';
  await s3.send(new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role, Rules: [{ ID, ...wanted }] } }));
  /** Of the objects of a new backup, how many could not be copied; and what is said of it. */
  const backUp = async (): Promise<{ failed: number; said: string }> => {
    const { json, code, stderr } = await operate(['backup', ...because]);
    assert.equal(code, 0, stderr);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const keys = Contents.map(({ Key = '' }) => Key).filter((key) => key.includes(json.backup_id));
    const heads = await Promise.all(keys.map((Key) => s3.send(new HeadObjectCommand({ Bucket, Key }))));
    const verified = await operate(['verify-backup', json.backup_id, '--stage', stage]);
    assert.equal(verified.code, 0, verified.stderr);
    return { failed: heads.filter(({ ReplicationStatus }) => ReplicationStatus === 'FAILED').length, said: verified.json.copy };
  };
  const well = await backUp();
  // Somebody changed the bucket of the copies by hand.
  await setVersioning('Suspended');
  const broken = await backUp();
  await setVersioning('Enabled');
  const mended = await backUp();
  await s3.send(new DeleteBucketReplicationCommand({ Bucket }));
  there.destroy();
  assert.deepEqual(
    [well, broken, mended],
    [
      { failed: 0, said: 'written' },
      { failed: 2, said: 'failed' },
      { failed: 0, said: 'written' },
    ],
  );
  assertFires('BackupNotCopied', 'backup', measured(broken.failed), measured(well.failed));
  assertFires('BackupNotCopied', 'backup', measured(broken.failed), measured(mended.failed));
});

/** Shows clients a certificate of so many days. @returns the whole days that are left, as ACM counts them, and what doctor says of it */
async function show(days: number): Promise<{ left: number; causes: string[] }> {
  const place = mkdtempSync(join(folder, 'certificate-'));
  const [key, cert] = [join(place, 'key.pem'), join(place, 'cert.pem')];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ];
  execFileSync('openssl', [...request, '-days', String(days), '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const pem = readFileSync(cert, 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), pem]);
  const server = createServer({ key: readFileSync(key), cert: pem }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, servername: 'localhost' });
  await once(client, 'secureConnect');
  const left = Math.floor((Date.parse(client.getPeerCertificate().valid_to) - Date.now()) / 86_400_000);
  client.destroy();
  const causes = (await checkPresented(`https://localhost:${port}`)).map(({ cause }) => cause);
  server.close();
  return { left, causes };
}

test('a certificate that was not renewed is seen before its last month is over', async () => {
  const [fresh, late] = [await show(395), await show(25)];
  assert.deepEqual(fresh.causes, []);
  assert.deepEqual(late.causes, [`the certificate of localhost ends in ${late.left} days`]);
  assertFires('CertificateExpiring', 'certificates', measured(late.left), measured(fresh.left));
});

test('every alarm of this drill has fired', () => {
  assertAllFired('aws', fired);
  recordDrill({
    name: 'deployed-alarms',
    shows:
      'the queues, the bucket and the certificate of a deployed stage fail (what EventBridge cannot encrypt is put into its queue by the drill), and what they then show makes the alarms fire that lead to the page',
    figures: fired,
  });
});
