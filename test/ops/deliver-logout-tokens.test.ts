/** The delivery of logout tokens. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createSigner } from '../../lib/keys/signer.ts';
import { type DeliveryTools, deliverLogoutTokens } from '../../lib/ops/deliver-logout-tokens.ts';
import { runProcedure, serveProcedure } from '../../lib/ops/procedure.ts';
import { generateKeyRing, listPublicKeys } from '../../lib/protocol/key-ring.ts';
import type { LogoutNotice } from '../../lib/protocol/logout-token.ts';
import { captureOutput, type Output } from '../support/output.ts';

process.env.POWERTOOLS_METRICS_NAMESPACE = 'oauth2_server';
process.env.POWERTOOLS_SERVICE_NAME = 'oauth2-test';

let output: Output;
before(() => {
  output = captureOutput();
});
after(() => output.restore());

const issuer = 'https://issuer.example';
const ring = await generateKeyRing();
const keys = createLocalJWKSet({ keys: listPublicKeys(ring).map(({ public_jwk }) => public_jwk as never) });

const makeNotice = (fields: Partial<LogoutNotice> = {}): LogoutNotice => ({
  notice_id: randomUUID(),
  client_id: 'client-a',
  subject: randomUUID(),
  session_id: randomUUID(),
  uri: 'https://client.example/logout',
  alg: 'RS256',
  ...fields,
});

function makeTools(post: DeliveryTools['post']): DeliveryTools {
  return { issuer, now: () => new Date(), signer: createSigner(async () => ring, Date.now), post };
}

const order = (notices: readonly unknown[]) => ({ input: { notices }, apply: true, actor: 'schedule' });

for (const alg of ['RS256', 'ES256'] as const)
  test(`Back-Channel Logout §2.4: a token signed by ${alg} where the client asked for it, of the type logout+jwt`, async () => {
    const notice = makeNotice({ alg });
    const sent: string[] = [];
    const tools = makeTools(async (_uri, token) => void sent.push(token));
    await runProcedure(deliverLogoutTokens, tools, order([notice]));
    const { payload, protectedHeader } = await jwtVerify(sent[0] ?? '', keys, {
      issuer,
      audience: 'client-a',
      typ: 'logout+jwt',
    });
    assert.equal(protectedHeader.alg, alg);
    assert.deepEqual([payload.sub, payload.sid, 'nonce' in payload], [notice.subject, notice.session_id, false]);
  });

test('each delivery says what became of it; tokens and their counts are measured, no token is logged', async () => {
  output.clear();
  const [told, deaf] = [makeNotice(), makeNotice({ uri: 'https://deaf.example/logout' })];
  let token = '';
  const tools = makeTools(async (uri, one) => {
    token = one;
    return uri === deaf.uri ? 'the client answered 503' : undefined;
  });
  const { result } = await runProcedure(deliverLogoutTokens, tools, order([told, deaf]));
  assert.deepEqual(
    result?.deliveries.toSorted((one, other) => Number(other.delivered) - Number(one.delivered)),
    [
      { notice_id: told.notice_id, delivered: true },
      { notice_id: deaf.notice_id, delivered: false },
    ],
  );
  const blob = output.metrics().find((metrics) => 'logout_tokens_failed_total' in metrics);
  assert.deepEqual([blob?.logout_tokens_delivered_total, blob?.logout_tokens_failed_total], [1, 1]);
  assert.ok(output.text().includes('the client answered 503'));
  assert.ok(!output.text().includes(token));
});

test('no more than twenty deliveries are under way at a time', async () => {
  let [now, most] = [0, 0];
  const tools = makeTools(async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise(setImmediate);
    now -= 1;
    return undefined;
  });
  const { result } = await runProcedure(deliverLogoutTokens, tools, order(Array.from({ length: 60 }, () => makeNotice())));
  assert.equal(result?.deliveries.length, 60);
  assert.ok(most > 1 && most <= 20, `${most}`);
});

test('every token has a jti of its own', async () => {
  const ids = new Set<unknown>();
  const tools = makeTools(async (_uri, token) => void ids.add((await jwtVerify(token, keys)).payload.jti));
  const notice = makeNotice();
  for (let time = 0; time < 2; time += 1) await runProcedure(deliverLogoutTokens, tools, order([notice]));
  assert.equal(ids.size, 2);
});

test('it takes what Lambda hands it from the procedure before', async () => {
  const notice = makeNotice();
  const uris: string[] = [];
  const handler = serveProcedure(
    deliverLogoutTokens,
    makeTools(async (uri) => void uris.push(uri)),
  );
  const { outcome } = await handler({
    version: '1.0',
    requestContext: { condition: 'Success' },
    requestPayload: { input: {} },
    responsePayload: { outcome: 'succeeded', result: { notices: [notice] } },
  });
  assert.equal(outcome, 'succeeded');
  assert.deepEqual(uris, [notice.uri]);
});

test('what is no list of notices, and keys that are away, fail the run, so that it is tried again', async () => {
  const tools = makeTools(async () => undefined);
  const { error } = await runProcedure(deliverLogoutTokens, tools, order([{ notice_id: 1 }]));
  assert.match(error?.message ?? '', /a list of at most 100 logout notices/);
  const keyless = { ...tools, signer: createSigner(async () => undefined, Date.now) };
  await assert.rejects(serveProcedure(deliverLogoutTokens, keyless)(order([makeNotice()])), /deliver-logout-tokens/);
});
