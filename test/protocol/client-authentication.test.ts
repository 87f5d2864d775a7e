/** How a client authenticates, and that nobody learns what was wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Client } from '../../lib/protocol/client.ts';
import { authenticateClient, readClientCredentials, refusePublic } from '../../lib/protocol/client-authentication.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { parseParameters } from '../../lib/protocol/parameters.ts';
import { makeClient, now, parameterText } from '../support/protocol-values.ts';

const read = (authorization: string | undefined, body: Record<string, string> = {}) =>
  readClientCredentials(authorization, parseParameters(new URLSearchParams(body).toString()));
const formEncode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`;
const invalidClient = { name: 'Refusal', error: 'invalid_client', status: 401, challenge: /^Basic / };
const invalidRequest = { name: 'Refusal', error: 'invalid_request', status: 400 };

test('T9: Basic credentials are form-urlencoded: any id and secret come through', () => {
  fc.assert(
    fc.property(parameterText({ minLength: 1 }), parameterText(), (client_id, client_secret) => {
      assert.deepEqual(read(basic(client_id, client_secret)), { method: 'client_secret_basic', client_id, client_secret });
    }),
  );
  assert.partialDeepStrictEqual(read(basic('a:b%c+d é', ':%+é')), { client_id: 'a:b%c+d é', client_secret: ':%+é' });
});

test('T6: a malformed Authorization header is invalid_client with a Basic challenge, and never another failure', () => {
  for (const header of [
    '',
    'Basic',
    'Basic !',
    'Bearer x',
    `Basic ${btoa('no colon')}`,
    `Basic ${btoa('a%zz:b')}`,
    `Basic ${btoa('a%00:b')}`,
  ]) {
    assert.throws(() => read(header), invalidClient, header);
  }
  fc.assert(
    fc.property(fc.base64String({ minLength: 4 }), (text) => {
      try {
        read(`Basic ${text}`);
      } catch (error) {
        assert.equal((error as { error: string }).error, 'invalid_client');
      }
    }),
  );
});

test('T5: two methods at once are invalid_request', () => {
  assert.throws(() => read(basic('a', 's'), { client_id: 'a', client_secret: 's' }), invalidRequest);
  assert.throws(() => read(basic('a', 's'), { client_assertion: 'x' }), invalidRequest);
  assert.throws(() => read(undefined, { client_secret: 's', client_assertion: 'x' }), invalidRequest);
  assert.throws(() => read(basic('a', 's'), { client_id: 'b' }), invalidRequest);
  assert.equal(read(basic('a', 's'), { client_id: 'a' }).client_id, 'a');
});

test('the body names the client, with a secret or without', () => {
  assert.equal(read(undefined, { client_id: 'a', client_secret: 's' }).method, 'client_secret_post');
  assert.equal(read(undefined, { client_id: 'a' }).method, 'none');
  assert.throws(() => read(undefined), invalidClient);
  assert.throws(() => read(undefined, { client_secret: 's' }), invalidClient);
});

const client = makeClient({ client_secret_hash: digest('right') });
const post = { ...client, token_endpoint_auth_method: 'client_secret_post' } as const;
const open = makeClient({ token_endpoint_auth_method: 'none' });
const authenticate = (
  known: Client | undefined,
  method: 'client_secret_basic' | 'client_secret_post' | 'none',
  client_secret?: string,
) => authenticateClient(known, { method, client_id: 'client-a', client_secret });

test('the right secret by the registered method authenticates', () => {
  assert.equal(authenticate(client, 'client_secret_basic', 'right'), client);
  assert.equal(authenticate(post, 'client_secret_post', 'right'), post);
  assert.equal(authenticate(open, 'none'), open);
});

test('T6, T8: unknown and disabled clients, wrong secrets and methods are invalid_client in the same words', () => {
  const attempts: Parameters<typeof authenticate>[] = [
    [undefined, 'client_secret_basic', 'right'],
    [undefined, 'none'],
    [{ ...client, disabled_at: now }, 'client_secret_basic', 'right'],
    [client, 'client_secret_basic', 'wrong'],
    [client, 'client_secret_basic', ''],
    [client, 'client_secret_basic', 'nobody has this secret'],
    [client, 'client_secret_post', 'right'],
    [client, 'none'],
    [post, 'client_secret_basic', 'right'],
    [open, 'client_secret_post', ''],
    [open, 'client_secret_basic', 'x'],
  ];
  for (const attempt of attempts) {
    assert.throws(() => authenticate(...attempt), { ...invalidClient, description: 'Client authentication failed.' });
  }
});

test('T6: without a stored secret none is right, not even the one that unknown clients are compared with', () => {
  assert.throws(
    () => authenticate({ ...client, client_secret_hash: null }, 'client_secret_basic', 'nobody has this secret'),
    invalidClient,
  );
});

test('I2: a public client is refused where tokens could be scanned', () => {
  assert.throws(() => refusePublic(open), invalidClient);
  assert.equal(refusePublic(client), client);
});
