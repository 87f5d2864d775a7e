/** Dynamic registration (RFC 7591) and its management (RFC 7592), through openid-client and by hand: whatever the deployment allows. */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { describe, test } from 'node:test';

import { allowInsecureRequests, dynamicClientRegistrationRequest, processDynamicClientRegistrationResponse } from 'oauth4webapi';
import {
  allowInsecureRequests as allowLoopback,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  calculatePKCECodeChallenge,
  customFetch,
  dynamicClientRegistration,
  randomPKCECodeVerifier,
} from 'openid-client';
import type { Deployment } from '../support/deployment.ts';
import { walk } from '../support/flow.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { type FindCast, redirectUri } from './cast.ts';

const metadata = {
  client_name: 'Registered by itself',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code'],
  token_endpoint_auth_method: 'client_secret_basic',
};

/** A deployment whose registration wants an initial access token is told it by the environment. */
function initialAccessToken(): { initialAccessToken?: string } {
  const token = env.OAUTH2_REGISTRATION_TOKEN;
  return token ? { initialAccessToken: token } : {};
}

const isOff = ({ metadata: { registration_endpoint } }: Deployment) => registration_endpoint === undefined;

/** Where registration is off it is not announced, and refuses. */
async function assertOff({ fetch, issuer }: Deployment): Promise<void> {
  const response = await fetch(`${issuer}/clients/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata),
  });
  assert.equal(response.status, 403);
  assert.equal(((await response.json()) as { error: string }).error, 'access_denied');
}

export function registrationScenarios(findCast: FindCast): void {
  describe('dynamic registration', () => {
    test('a client that registers itself signs a user in, after a consent page that says who vouches for it', async () => {
      const { deployment, user } = findCast();
      if (isOff(deployment)) return assertOff(deployment);
      const insecure = deployment.issuer.startsWith('http:') ? [allowLoopback] : [];
      const config = await dynamicClientRegistration(new URL(deployment.issuer), metadata, ClientSecretBasic(), {
        execute: insecure,
        [customFetch]: (url, init) => deployment.fetch(url, init),
        ...initialAccessToken(),
      });
      assert.ok(config.clientMetadata().client_secret);
      const pkceCodeVerifier = randomPKCECodeVerifier();
      const url = buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid',
        state: 'xyz',
        code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      });
      const agent = createUserAgent(deployment);
      const page = await agent.follow(await agent.get(url.href));
      const consent = await agent.follow(await agent.submit(page, { username: user.username, password: user.password }));
      assert.match(consent.text, /id="consent-unverified"/);
      const back = await walk(agent, url.href, user);
      const tokens = await authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState: 'xyz' });
      assert.equal(tokens.claims()?.sub, user.subject);
      await manage(deployment, config.clientMetadata(), 'DELETE');
    });

    test('a registration is read, changed and deleted with its own access token alone', async () => {
      const { deployment } = findCast();
      if (isOff(deployment)) return assertOff(deployment);
      const as = { issuer: deployment.issuer, registration_endpoint: String(deployment.metadata.registration_endpoint) };
      const response = await dynamicClientRegistrationRequest(as, metadata, {
        ...initialAccessToken(),
        [customFetch]: (url: string, init: object) => deployment.fetch(url, init),
        [allowInsecureRequests]: deployment.issuer.startsWith('http:'),
      });
      assert.equal(response.headers.get('cache-control'), 'no-store');
      const registered = await processDynamicClientRegistrationResponse(response);
      const read = await manage(deployment, registered, 'GET');
      assert.deepEqual([read.status, read.body.client_name], [200, metadata.client_name]);
      const { client_id, client_secret } = registered;
      const changed = await manage(deployment, registered, 'PUT', {
        ...metadata,
        client_id,
        client_secret,
        client_name: 'Changed',
      });
      assert.deepEqual([changed.status, changed.body.client_name], [200, 'Changed']);
      const stranger = { ...registered, registration_access_token: 'a'.repeat(43) };
      assert.equal((await manage(deployment, stranger, 'GET')).status, 401);
      assert.equal((await manage(deployment, registered, 'DELETE')).status, 204);
      assert.equal((await manage(deployment, registered, 'GET')).status, 401);
    });
  });
}

/** Calls the client configuration endpoint (RFC 7592 §2). */
async function manage(
  { fetch }: Deployment,
  registered: Readonly<Record<string, unknown>>,
  method: 'GET' | 'PUT' | 'DELETE',
  body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(String(registered.registration_client_uri), {
    method,
    headers: {
      authorization: `Bearer ${registered.registration_access_token}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}
