/** Events of other producers: who may hand them in, what an envelope looks like, and that each is taken once and goes the way of the server's own. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { ingest } from '../../../functions/http/events-ingest/events-ingest.ts';
import type { Config } from '../../../lib/config.ts';
import type { HttpRequest } from '../../../lib/http/request.ts';
import { createKeyFinder } from '../../../lib/keys/public-keys.ts';
import { runProcedure } from '../../../lib/ops/procedure.ts';
import { type RelayTools, relayEvents } from '../../../lib/ops/relay-events.ts';
import type { CloudEvent } from '../../../lib/protocol/cloud-event.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';
import { makeTestClient, type TestClient } from '../../support/accounts.ts';
import { type Answer, assertRefused, revoke, sendJson } from '../../support/calls.ts';
import { postForm } from '../../support/flow.ts';
import { type Operation, openOperation } from '../../support/operation.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let operation: Operation;
let producer: TestClient;
let other: TestClient;
let token: string;
before(async () => {
  server = await startServer();
  operation = openOperation(server);
  const fields = { scope: 'events:write read', resources: ['https://api.example/'] };
  [producer, other] = await Promise.all([makeTestClient(server, fields), makeTestClient(server, fields)]);
  token = await tokenOf(producer);
});
after(async () => {
  await operation.stop();
  await server.stop();
});
beforeEach(() => server.db.sql`truncate events, ingested_events`);

async function tokenOf(client: TestClient, more: Record<string, string> = {}): Promise<string> {
  const form = { grant_type: 'client_credentials', scope: 'events:write', ...more };
  return (await postForm(server, '/oauth/token', form, client)).body.access_token;
}

const hand = (envelope: unknown, headers: Record<string, string> = {}, bearer = token): Promise<Answer> =>
  sendJson(server, '/events/ingest', 'POST', envelope, { authorization: `Bearer ${bearer}`, ...headers });

const id = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const user = '2f1b4c1e-5a7d-4c3b-9a54-0d6f3c2b1a90';
const paid = {
  event: {
    id,
    type: 'billing.invoice_paid',
    timestamp: '2026-11-25T08:30:00Z',
    severity: 'warning',
    user_id: user,
    client_id: 'shop',
    metadata: { invoice: 17 },
  },
  idempotency_key: 'invoice-17',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=1',
  correlation_id: 'order-4',
  producer: 'billing',
  produced_at: '2026-11-25T08:30:01Z',
  attributes: { region: 'eu' },
};

/** What the relay sends to the bus. */
async function relayed(): Promise<CloudEvent[]> {
  const sent: CloudEvent[] = [];
  const put = async (events: readonly CloudEvent[]) => {
    sent.push(...events);
    return events.map(() => undefined);
  };
  await server.db.sql`update event_relay set held_until = null`;
  const tools = { ...operation.tools, issuer: server.issuer, publishes: () => true, put } as unknown as RelayTools;
  const { outcome } = await runProcedure(relayEvents, tools, { apply: true, actor: 'schedule' });
  assert.equal(outcome, 'succeeded');
  return sent;
}

test('an event is accepted with 202, and reaches the bus as a CloudEvent that says who handed it in', async () => {
  const { status, headers, body } = await hand(paid);
  assert.deepEqual([status, headers.get('cache-control')], [202, 'no-store']);
  assert.deepEqual(body, { status: 'accepted', idempotency_key: 'invoice-17', event_id: id });
  const [event, ...rest] = await relayed();
  assert.deepEqual(rest, []);
  const { sequence: _sequence, time: _time, ...told } = event ?? assert.fail('nothing was sent');
  assert.deepEqual(told, {
    specversion: '1.0',
    id,
    source: server.issuer,
    type: 'billing.invoice_paid',
    subject: `users/${user}`,
    datacontenttype: 'application/json',
    data: {
      timestamp: '2026-11-25T08:30:00Z',
      severity: 'warning',
      user_id: user,
      client_id: 'shop',
      metadata: { invoice: 17 },
      tracestate: 'vendor=1',
      producer: 'billing',
      produced_at: '2026-11-25T08:30:01Z',
      attributes: { region: 'eu' },
    },
    idempotencykey: id,
    severity: 'warning',
    producer: `clients/${producer.client_id}`,
    correlationid: 'order-4',
    traceparent: paid.traceparent,
  });
});

test('the same key again is a duplicate, answered with the first id, and recorded once, however many ask at once', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => hand(paid)));
  // Who comes while the first is being written is told to come again.
  const accepted = answers.filter(({ body }) => body.status === 'accepted');
  assert.equal(accepted.length, 1);
  for (const { status, headers } of answers) assert.ok(status === 202 || (status === 503 && headers.get('retry-after') === '1'));
  const again = await hand({ ...paid, event: { ...paid.event, id: '00000000-0000-4000-8000-000000000000' } });
  assert.deepEqual([again.status, again.body], [202, { status: 'duplicate', idempotency_key: 'invoice-17', event_id: id }]);
  assert.equal((await relayed()).length, 1);
});

test('CloudEvents 1.0.2: one id is one event: the same again under other keys is a duplicate, however many ask at once', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => hand({ ...paid, idempotency_key: `k${index}` })));
  assert.equal(answers.filter(({ body }) => body.status === 'accepted').length, 1);
  for (const { status, headers } of answers) assert.ok(status === 202 || (status === 503 && headers.get('retry-after') === '1'));
  const again = await hand({ ...paid, idempotency_key: 'k8' });
  assert.deepEqual([again.status, again.body], [202, { status: 'duplicate', idempotency_key: 'k8', event_id: id }]);
  const ids = (await relayed()).map((event) => event.id);
  assert.deepEqual(ids, [id]);
});

test('a key that is known decides before an id that is known', async () => {
  const second = '7c9e6679-7425-40de-944b-e07fc1f90ae8';
  await hand(paid);
  await hand({ event: { ...paid.event, id: second }, idempotency_key: 'invoice-18' });
  const crossed = await hand({ ...paid, event: { ...paid.event, id: second } });
  assert.deepEqual(crossed.body, { status: 'duplicate', idempotency_key: 'invoice-17', event_id: id });
});

test('keys and ids are each producer’s own', async () => {
  assert.equal((await hand(paid)).body.status, 'accepted');
  assert.equal((await hand(paid, {}, await tokenOf(other))).body.status, 'accepted');
});

test('the key is that of the header, else of the envelope, else the id of the event; without any, each event is another one', async () => {
  const { idempotency_key: _key, ...unkeyed } = paid;
  const { id: _id, ...unnamed } = paid.event;
  assert.equal((await hand(paid, { 'idempotency-key': 'first' })).body.idempotency_key, 'first');
  assert.equal((await hand(paid)).body.idempotency_key, 'invoice-17');
  assert.equal((await hand(unkeyed)).body.idempotency_key, id);
  const [one, two] = [await hand({ event: unnamed }), await hand({ event: unnamed })];
  assert.deepEqual([one.body.status, two.body.status], ['accepted', 'accepted']);
  assert.notEqual(one.body.event_id, two.body.event_id);
  assert.equal(one.body.idempotency_key, one.body.event_id);
});

test('RFC 6750 §3: without a token it is 401 without a word of the error; a token of no use is invalid_token', async () => {
  const bare = await sendJson(server, '/events/ingest', 'POST', paid);
  assert.deepEqual([bare.status, bare.text, bare.headers.get('www-authenticate')], [401, '', 'Bearer realm="oauth2"']);
  const basic = await sendJson(server, '/events/ingest', 'POST', paid, { authorization: producer.basic });
  assert.equal(basic.status, 401);
  const revoked = await tokenOf(producer);
  await revoke(server, producer, revoked);
  const elsewhere = await tokenOf(producer, { resource: 'https://api.example/' });
  for (const bad of ['nonsense', revoked, elsewhere]) assertRefused(await hand(paid, {}, bad), 401, 'invalid_token');
  assert.deepEqual([...(await server.db.sql`select 1 from events where type like '%.%'`)], []);
});

test('RFC 6750 §3.1: a token without the scope events:write is 403 insufficient_scope', async () => {
  const answer = await hand(paid, {}, await tokenOf(producer, { scope: 'read' }));
  assertRefused(answer, 403, 'insufficient_scope');
  assert.match(answer.headers.get('www-authenticate') ?? '', /scope="events:write"/);
});

test('a producer that was disabled hands in nothing any more', async () => {
  const gone = await makeTestClient(server, { scope: 'events:write' });
  const held = await tokenOf(gone);
  await server.db.sql`update clients set disabled_at = now() where client_id = ${gone.client_id}`;
  assertRefused(await hand(paid, {}, held), 401, 'invalid_token');
});

function nested(levels: number): object {
  let value = {};
  for (let level = 1; level < levels; level++) value = { value };
  return value;
}

const wrong: readonly (readonly [what: string, envelope: unknown, says: RegExp])[] = [
  ['no event', {}, /event is missing/],
  ['an event that is a list', { event: [] }, /event is not as it should be; allowed: an object/],
  ['no type', { event: {} }, /event\.type is missing/],
  ['a type of this server', { event: { type: 'token_revoked' } }, /event\.type is not .* a name with a dot/],
  ['an id that is no UUID', { event: { type: 'a.b', id: '17' } }, /event\.id .* a UUID/],
  ['a name instead of a subject', { event: { type: 'a.b', user_id: 'ann' } }, /event\.user_id .* subject identifier/],
  ['an unknown member', { event: { type: 'a.b', secret: 1 } }, /event\.secret is unknown; allowed: id, type/],
  ['an unknown severity', { event: { type: 'a.b', severity: 'fatal' } }, /severity .* info, warning, error/],
  ['a time without an offset', { event: { type: 'a.b', timestamp: '2026-11-25T08:30:00' } }, /timestamp .*RFC 3339/],
  ['an empty key', { event: { type: 'a.b' }, idempotency_key: '' }, /idempotency_key .* printable ASCII/],
  ['a traceparent of another form', { event: { type: 'a.b' }, traceparent: 'x' }, /traceparent/],
  ['a list', [], /must be a JSON object/],
  ['a NUL', { event: { type: 'a.b', metadata: { note: ['\0'] } } }, /event\.metadata .* without NUL/],
  ['half a surrogate pair', { event: { type: 'a.b' }, attributes: { note: '\ud800' } }, /attributes .* without NUL/],
  ['endless nesting', { event: { type: 'a.b', metadata: nested(3000) } }, /event\.metadata .* at most 32 levels/],
];

for (const [what, envelope, says] of wrong)
  test(`${what} is invalid_request, and nothing is recorded`, async () => {
    const answer = await hand(envelope);
    assertRefused(answer, 400, 'invalid_request');
    assert.match(String(answer.body.error_description), says);
    assert.deepEqual([...(await server.db.sql`select 1 from ingested_events`)], []);
  });

test('a key in the header that is too long is refused', async () => {
  assertRefused(await hand(paid, { 'idempotency-key': 'k'.repeat(201) }), 400, 'invalid_request');
});

test('a stage that keeps no events says so', async () => {
  const findKey = createKeyFinder(() => listPublishedKeys(server.db), Date.now);
  const parts = { config: { issuer: server.issuer } as Config, db: server.db, findKey, enabled: false };
  const header = (name: string) => (name === 'authorization' ? `Bearer ${token}` : undefined);
  const request = { header, note: () => {}, body: JSON.stringify(paid) } as unknown as HttpRequest;
  await assert.rejects(ingest(parts, request), /access_denied: This server keeps no events/);
});
