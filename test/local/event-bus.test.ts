/** The loopback bus answers the real client as EventBridge does, and keeps what it got. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { type TestContext, test } from 'node:test';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { openEventBus } from '../../lib/local/event-bus.ts';
import { BusUnavailable, openBus } from '../../lib/ops/put-events.ts';
import { toCloudEvent } from '../../lib/protocol/cloud-event.ts';
import { makeFolder } from './fixture.ts';

const place = { region: 'us-east-1', account: '000000000000' };

async function open(t: TestContext, bytes?: number) {
  const file = join(makeFolder(t), 'events.jsonl');
  const bus = await openEventBus({ file, place, ...(bytes !== undefined && { bytes }) });
  t.after(() => bus.close());
  bus.declare(['oauth2-local']);
  Object.assign(env, {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.url,
  });
  const client = new EventBridgeClient({ endpoint: bus.url, region: 'us-east-1' });
  t.after(() => client.destroy());
  const kept = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  return { bus, client, file, kept };
}

const event = (number: number) =>
  toCloudEvent(
    {
      sequence: String(number),
      event_id: `id-${number}`,
      at: new Date('2026-11-23T08:30:00Z'),
      type: 'user_logout',
      subject: 'users/a',
      data: { number },
      producer: 'test',
      correlation_id: null,
      traceparent: null,
    },
    'https://issuer.example',
  );

test('what the relay puts is kept as a rule would get it: source, detail type, time, and the CloudEvent in the detail', async (t) => {
  const { kept } = await open(t);
  assert.deepEqual(await openBus('oauth2-local', 'oauth2-local')([event(1), event(2)]), [undefined, undefined]);
  const [first, second] = kept();
  assert.deepEqual(
    [first.source, first['detail-type'], first.time, first.detail, second.detail.id],
    ['oauth2-local', 'user_logout', '2026-11-23T08:30:00.000Z', event(1), 'id-2'],
  );
});

test('a bus that the template does not have, and one that is gone, are the bus that takes nothing', async (t) => {
  const { bus, kept } = await open(t);
  await assert.rejects(openBus('another', 'test')([event(1)]), (error: Error) => {
    assert.ok(error instanceof BusUnavailable);
    assert.match(error.message, /ResourceNotFoundException: Event bus another does not exist/);
    return true;
  });
  const put = openBus('oauth2-local', 'test');
  await bus.close();
  await assert.rejects(put([event(1)]), BusUnavailable);
  assert.deepEqual(kept(), []);
});

test('an entry that is not right fails by itself, and more than ten are refused as a whole', async (t) => {
  const { client, kept } = await open(t);
  const entry = { EventBusName: 'oauth2-local', Source: 's', DetailType: 'd', Detail: '{}' };
  const { FailedEntryCount, Entries } = await client.send(
    new PutEventsCommand({ Entries: [entry, { ...entry, Detail: '[1' }, { ...entry, Source: '' }] }),
  );
  assert.equal(FailedEntryCount, 2);
  assert.deepEqual(
    Entries?.map(({ ErrorCode }) => ErrorCode),
    [undefined, 'MalformedDetail', 'InvalidArgument'],
  );
  await assert.rejects(client.send(new PutEventsCommand({ Entries: Array(11).fill(entry) })), /1 to 10/);
  assert.equal(kept().length, 1);
});

test('the file is bounded: of a full one the end stays beside it', async (t) => {
  const { file } = await open(t, 1000);
  const put = openBus('oauth2-local', 'test');
  for (let number = 1; number <= 6; number++) await put([event(number)]);
  assert.ok(existsSync(`${file}.1`));
  assert.ok(readFileSync(file).length < 2000);
});
