/** Rotation of the signing keys as clients and resource servers see it: while tokens are issued and verified without a pause. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { rotateSigningKeys } from '../../lib/ops/rotate-signing-keys.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, refreshWith, send, userinfo } from '../support/calls.ts';
import { getTokens, postForm } from '../support/flow.ts';
import { driveCaches, type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';

const passInCaches = driveCaches();
let server: TestServer;
let operation: Operation;
let client: TestClient;
let user: TestUser;
before(async () => {
  // The caches' clock, which the test moves, is also one by which tokens expire.
  server = await startServer({ OAUTH2_ACCESS_TOKEN_SECONDS: '7200' });
  operation = openOperation(server);
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
});

const rotate = async (input: object = {}) => {
  const answer = await runProcedure(rotateSigningKeys, operation.tools, { input, apply: true, reason: 'test', actor: 'test' });
  assert.equal(answer.outcome, 'succeeded', answer.error?.message);
};
const issue = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
const kidOf = (token: string) => decodeProtectedHeader(token).kid as string;
const fetchKeys = async () => (await send(server, '/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
const kidsServed = async () => (await fetchKeys()).keys.map(({ kid }) => kid);

/** As a resource server does: with the key set as it is served now. */
async function verifyOffline(token: string): Promise<void> {
  await jwtVerify(token, createLocalJWKSet(await fetchKeys()), { issuer: server.issuer, currentDate: new Date() });
}

/** Issues, refreshes and verifies until told to end. */
function startLoad() {
  let ended = false;
  const failures: string[] = [];
  const kids = new Set<string>();
  const issued: string[] = [];
  let refreshToken: string;
  const watch = async (what: string, work: () => Promise<string[]>) => {
    for (let round = 0; !ended; round++) {
      try {
        for (const token of await work()) {
          kids.add(kidOf(token));
          await verifyOffline(token);
          issued.push(token);
        }
      } catch (error) {
        failures.push(`${what}, round ${round}: ${error}`);
      }
    }
  };
  const own = async () => {
    const { status, body } = await issue();
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal((await introspect(server, client, body.access_token)).active, true);
    return [body.access_token];
  };
  const refreshed = async () => {
    const answer = await refreshWith(server, client, refreshToken);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    refreshToken = answer.body.refresh_token;
    assert.equal((await userinfo(server, answer.body.access_token)).status, 200);
    return [answer.body.access_token, answer.body.id_token];
  };
  const workers = (async () => {
    refreshToken = (await getTokens(server, client, user)).body.refresh_token;
    await Promise.all([watch('client token', own), watch('client token', own), watch('refresh', refreshed)]);
  })();
  return {
    kids,
    failures,
    issued,
    /** Until that many more tokens have been issued and verified. */
    more: async (count: number) => {
      const goal = issued.length + count;
      while (issued.length < goal && failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
    },
    end: async () => {
      ended = true;
      await workers;
    },
  };
}

test('three rotations under constant load: no request fails and every token verifies with the key set as it is served then', async () => {
  const load = startLoad();
  await load.more(20);
  for (let round = 0; round < 3; round++) {
    await operation.ageKeys();
    await rotate();
    await load.more(20);
    // Sandboxes fetch the keys anew.
    passInCaches(301);
    await load.more(20);
  }
  await load.end();
  assert.deepEqual(load.failures, []);
  // Two algorithms, each with the key of the beginning and three more.
  assert.equal(load.kids.size, 8);
  for (const token of load.issued) await verifyOffline(token);
  for (const token of load.issued.slice(0, 5))
    if (decodeProtectedHeader(token).typ === 'at+jwt') assert.equal((await introspect(server, client, token)).active, true);
});

test('an emergency under load: no request fails, the next token is signed by a new key, and what the old keys signed is refused at once', async () => {
  const load = startLoad();
  await load.more(10);
  const [own, tokens] = [(await issue()).body, (await getTokens(server, client, user)).body];
  await rotate({ emergency: true });
  // No cache was told, and none is five minutes old.
  assert.deepEqual(await introspect(server, client, own.access_token), { active: false });
  assert.equal((await userinfo(server, tokens.access_token)).status, 401);
  const [fresh, refreshed] = [await issue(), await refreshWith(server, client, tokens.refresh_token)];
  assert.deepEqual([fresh.status, refreshed.status], [200, 200]);
  const codes = await getTokens(server, client, user);
  assert.equal(codes.status, 200);
  for (const { body } of [fresh, refreshed, codes]) {
    assert.notEqual(kidOf(body.access_token), kidOf(own.access_token));
    assert.equal((await introspect(server, client, body.access_token)).active, true);
  }
  assert.notEqual(kidOf(refreshed.body.id_token), kidOf(tokens.id_token));
  passInCaches(2);
  const served = await kidsServed();
  assert.equal(served.length, 4);
  assert.ok(!served.includes(kidOf(own.access_token)) && served.includes(kidOf(fresh.body.access_token)));
  await load.end();
  // A token that was checked while its key was being withdrawn, or by a key set of a moment ago, is no failed request.
  assert.deepEqual(
    load.failures.filter((failure) => !/ERR_JWKS|no applicable key|false !== true|401 !== 200/.test(failure)),
    [],
  );
});

test('readiness holds through a rotation that is cut off between the secret and the table', async () => {
  await operation.ageKeys();
  const { promote } = operation.tools.versions;
  const versions = {
    ...operation.tools.versions,
    promote: async (...given: Parameters<typeof promote>) => {
      await promote(...given);
      throw new Error('cut off');
    },
  };
  const order = { apply: true, reason: 'test', actor: 'test' };
  assert.equal((await runProcedure(rotateSigningKeys, { ...operation.tools, versions }, order)).outcome, 'failed');
  passInCaches(301);
  assert.equal((await send(server, '/ready')).status, 200);
  const { body } = await issue();
  await verifyOffline(body.access_token);
  assert.equal((await introspect(server, client, body.access_token)).active, true);
  await rotate();
  assert.equal((await introspect(server, client, body.access_token)).active, true);
});
