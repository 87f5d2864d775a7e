/** The whole offer as an application meets it through openid-client, with a confidential client. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  ClientSecretBasic,
  type Configuration,
  calculatePKCECodeChallenge,
  clientCredentialsGrant,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  tokenIntrospection,
  tokenRevocation,
} from 'openid-client';
import type { CreatedClient } from '../../lib/ops/create-client.ts';
import { walk } from '../support/flow.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';
import { api, type FindCast, postLogoutRedirectUri, redirectUri, resourcesOf } from './cast.ts';

type Tokens = Awaited<ReturnType<typeof authorizationCodeGrant>>;

export function openidClientScenarios(findCast: FindCast): void {
  describe('openid-client', () => {
    let config: Configuration;
    let client: CreatedClient;
    let agent: UserAgent;
    let tokens: Tokens;
    /** The current one of the family. */
    let refreshToken: string;

    /** Signs in where asked, and exchanges the code. */
    async function signIn(parameters: Record<string, string> = {}): Promise<Tokens> {
      const { deployment, user } = findCast();
      const pkceCodeVerifier = randomPKCECodeVerifier();
      const checks = { pkceCodeVerifier, expectedState: randomState(), expectedNonce: randomNonce(), idTokenExpected: true };
      const query = new URLSearchParams({
        redirect_uri: redirectUri,
        scope: 'openid profile email offline_access read',
        code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: checks.expectedState,
        nonce: checks.expectedNonce,
        ...parameters,
      });
      for (const [name, value] of resourcesOf(deployment)) query.append(name, value);
      const back = await walk(agent, buildAuthorizationUrl(config, query).href, user);
      return authorizationCodeGrant(config, back, checks);
    }

    before(async () => {
      const { createClient, deployment } = findCast();
      client = await createClient({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] });
      const insecure = deployment.issuer.startsWith('http:') ? [allowInsecureRequests] : [];
      config = await discovery(new URL(deployment.issuer), client.client_id, {}, ClientSecretBasic(client.client_secret ?? ''), {
        execute: [...insecure, enableNonRepudiationChecks],
        [customFetch]: (url, init) => deployment.fetch(url, init),
      });
      agent = createUserAgent(deployment);
      tokens = await signIn();
      refreshToken = tokens.refresh_token ?? '';
    });

    test('discovery says that PKCE with S256 and the issuer in responses are supported', () => {
      const metadata = config.serverMetadata();
      assert.equal(metadata.supportsPKCE('S256'), true);
      assert.equal(metadata.authorization_response_iss_parameter_supported, true);
    });

    test('the code flow with PKCE and consent gives tokens that verify against the published keys', async () => {
      const { deployment, user, verify } = findCast();
      assert.deepEqual([tokens.token_type, tokens.scope], ['bearer', 'openid profile email offline_access read']);
      const access = await verify(tokens.access_token, { audience: api, typ: 'at+jwt', algorithms: ['ES256'] });
      assert.deepEqual([access.sub, access.client_id, access.aud], [user.subject, client.client_id, [api, deployment.issuer]]);
      const id = await verify(tokens.id_token ?? '', { audience: client.client_id, algorithms: ['RS256'] });
      assert.deepEqual([id.sub, tokens.claims()?.sub], [user.subject, user.subject]);
    });

    test('userinfo releases the claims of the scope for the subject of the ID token', async () => {
      const { user } = findCast();
      const claims = await fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? '');
      assert.deepEqual([claims.sub, claims.email, claims.preferred_username], [user.subject, user.email, user.username]);
    });

    test('introspection describes an active access token and an active refresh token', async () => {
      const { deployment, user } = findCast();
      const access = await tokenIntrospection(config, tokens.access_token);
      assert.deepEqual(
        [access.active, access.sub, access.client_id, access.iss, access.username],
        [true, user.subject, client.client_id, deployment.issuer, user.username],
      );
      assert.equal((await tokenIntrospection(config, refreshToken)).active, true);
    });

    test('a refresh rotates the refresh token and gives an access token for a part of the resources', async () => {
      const { verify } = findCast();
      const refreshed = await refreshTokenGrant(config, refreshToken, { resource: api });
      assert.notEqual(refreshed.refresh_token, refreshToken);
      assert.equal(refreshed.claims()?.sub, tokens.claims()?.sub);
      assert.equal(refreshed.claims()?.auth_time, tokens.claims()?.auth_time);
      const access = await verify(refreshed.access_token, { audience: api, typ: 'at+jwt' });
      assert.deepEqual([access.aud].flat(), [api]);
      refreshToken = refreshed.refresh_token ?? '';
    });

    test('a revoked access token is inactive and no good at userinfo, while the refresh token lives on', async () => {
      await tokenRevocation(config, tokens.access_token);
      assert.deepEqual({ ...(await tokenIntrospection(config, tokens.access_token)) }, { active: false });
      await assert.rejects(fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? ''), (error: Error) =>
        /invalid_token|401|unauthorized|WWW-Authenticate/i.test(`${error.message} ${JSON.stringify(error.cause)}`),
      );
      assert.equal((await tokenIntrospection(config, refreshToken)).active, true);
    });

    test('a revoked refresh token ends its family', async () => {
      await tokenRevocation(config, refreshToken);
      await assert.rejects(refreshTokenGrant(config, refreshToken), { error: 'invalid_grant' });
    });

    test('client_credentials gives a token of the client itself for the named resource, and no refresh token', async () => {
      const { verify } = findCast();
      const own = await clientCredentialsGrant(config, { scope: 'read', resource: api });
      assert.deepEqual([own.scope, own.refresh_token, own.id_token], ['read', undefined, undefined]);
      const claims = await verify(own.access_token, { audience: api, typ: 'at+jwt' });
      assert.deepEqual([claims.sub, claims.client_id], [client.client_id, client.client_id]);
    });

    test('with a session and the consent given, a second sign-in asks nothing, also with prompt=none', async () => {
      tokens = await signIn({ prompt: 'none' });
      assert.equal(tokens.claims()?.sub, findCast().user.subject);
    });

    test('RP-initiated logout ends the session and returns to the client with its state', async () => {
      const url = buildEndSessionUrl(config, {
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: postLogoutRedirectUri,
        state: 'a b&c',
      });
      const page = await agent.follow(await agent.get(url.href));
      assert.equal(page.location, `${postLogoutRedirectUri}?${new URLSearchParams({ state: 'a b&c' })}`.replace('+', '%20'));
      await assert.rejects(signIn({ prompt: 'none' }), { error: 'login_required' });
    });
  });
}
