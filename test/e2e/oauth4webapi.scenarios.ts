/** The same offer through oauth4webapi: a public client signs its user in, a resource server looks at the tokens. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  clientCredentialsGrantRequest,
  customFetch,
  discoveryRequest,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  introspectionRequest,
  None,
  processAuthorizationCodeResponse,
  processClientCredentialsResponse,
  processDiscoveryResponse,
  processIntrospectionResponse,
  processRefreshTokenResponse,
  processRevocationResponse,
  processUserInfoResponse,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  userInfoRequest,
  validateApplicationLevelSignature,
  validateAuthResponse,
  validateJwtAccessToken,
} from 'oauth4webapi';
import { walk } from '../support/flow.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';
import { api, type FindCast, postLogoutRedirectUri, redirectUri, resourcesOf } from './cast.ts';

export function oauth4webapiScenarios(findCast: FindCast): void {
  describe('oauth4webapi', () => {
    let as: AuthorizationServer;
    let app: Client;
    let service: Client;
    let serviceAuth: ClientAuth;
    let agent: UserAgent;
    let tokens: TokenEndpointResponse;
    /** For every request: where the deployment is, and that a loopback issuer may do without TLS. */
    let options: { [customFetch]: (url: string, init: object) => Promise<Response>; [allowInsecureRequests]: boolean };

    async function introspect(token: string) {
      const response = await introspectionRequest(as, service, serviceAuth, token, options);
      return processIntrospectionResponse(as, service, response);
    }

    async function discover(algorithm: 'oidc' | 'oauth2') {
      const issuer = new URL(findCast().deployment.issuer);
      return processDiscoveryResponse(issuer, await discoveryRequest(issuer, { ...options, algorithm }));
    }

    async function exchange(): Promise<TokenEndpointResponse> {
      const { deployment, user } = findCast();
      const verifier = generateRandomCodeVerifier();
      const [state, nonce] = [generateRandomState(), generateRandomNonce()];
      const url = new URL(as.authorization_endpoint ?? '');
      url.search = new URLSearchParams([
        ['client_id', app.client_id],
        ['redirect_uri', redirectUri],
        ['response_type', 'code'],
        ['scope', 'openid email offline_access read'],
        ['code_challenge', await calculatePKCECodeChallenge(verifier)],
        ['code_challenge_method', 'S256'],
        ['state', state],
        ['nonce', nonce],
        ...resourcesOf(deployment),
      ]).toString();
      const callback = validateAuthResponse(as, app, await walk(agent, url.href, user), state);
      const response = await authorizationCodeGrantRequest(as, app, None(), callback, redirectUri, verifier, options);
      const answer = await processAuthorizationCodeResponse(as, app, response, { expectedNonce: nonce, requireIdToken: true });
      await validateApplicationLevelSignature(as, response, options);
      return answer;
    }

    before(async () => {
      const { createClient, deployment } = findCast();
      options = {
        [customFetch]: (url, init) => deployment.fetch(url, init),
        [allowInsecureRequests]: deployment.issuer.startsWith('http:'),
      };
      const { client_id } = await createClient({ token_endpoint_auth_method: 'none' });
      app = { client_id };
      const created = await createClient({
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        post_logout_redirect_uris: [],
        scope: 'read',
      });
      service = { client_id: created.client_id };
      serviceAuth = ClientSecretPost(created.client_secret ?? '');
      as = await discover('oidc');
      agent = createUserAgent(deployment);
      tokens = await exchange();
    });

    test('both discovery documents describe the same server', async () => {
      assert.deepEqual(await discover('oauth2'), as);
    });

    test('a public client gets tokens with PKCE alone, and a resource server accepts the access token by its signature', async () => {
      const { deployment, user } = findCast();
      const request = new Request(api, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      const claims = await validateJwtAccessToken(as, request, api, options);
      assert.deepEqual([claims.sub, claims.client_id, claims.scope], [user.subject, app.client_id, tokens.scope]);
      await assert.rejects(validateJwtAccessToken(as, request, `${deployment.issuer}/another`, options));
    });

    test('userinfo answers the public client', async () => {
      const { user } = findCast();
      const response = await userInfoRequest(as, app, tokens.access_token, options);
      const claims = await processUserInfoResponse(as, app, user.subject, response);
      assert.deepEqual([claims.email, claims.preferred_username], [user.email, undefined]);
    });

    test('the resource server that a token is for may introspect it', async () => {
      const { user } = findCast();
      const answer = await introspect(tokens.access_token);
      assert.deepEqual([answer.active, answer.sub, answer.client_id], [true, user.subject, app.client_id]);
    });

    test('a refresh rotates the refresh token of the public client', async () => {
      const presented = tokens.refresh_token ?? '';
      const response = await refreshTokenGrantRequest(as, app, None(), presented, options);
      const refreshed = await processRefreshTokenResponse(as, app, response);
      assert.notEqual(refreshed.refresh_token, presented);
      assert.equal((await introspect(refreshed.access_token)).active, true);
      tokens = refreshed;
    });

    test('revoking the refresh token makes the access tokens of its family inactive', async () => {
      const response = await revocationRequest(as, app, None(), tokens.refresh_token ?? '', options);
      await processRevocationResponse(response);
      assert.deepEqual(await introspect(tokens.access_token), { active: false });
    });

    test('client_credentials gives a confidential client its own token', async () => {
      const response = await clientCredentialsGrantRequest(as, service, serviceAuth, { scope: 'read', resource: api }, options);
      const answer = await processClientCredentialsResponse(as, service, response);
      const request = new Request(api, { headers: { authorization: `Bearer ${answer.access_token}` } });
      assert.equal((await validateJwtAccessToken(as, request, api, options)).sub, service.client_id);
    });

    test('RP-initiated logout without a hint is confirmed by the end-user, then returns to the client', async () => {
      const url = new URL(as.end_session_endpoint ?? '');
      url.search = new URLSearchParams({
        client_id: app.client_id,
        post_logout_redirect_uri: postLogoutRedirectUri,
        state: 'xyz',
      }).toString();
      const page = await agent.get(url.href);
      assert.match(page.text, /id="logout-confirm"/);
      const after = await agent.follow(await agent.submit(page, {}));
      assert.equal(after.location, `${postLogoutRedirectUri}?state=xyz`);
      assert.equal(agent.cookies.has('session') || agent.cookies.has('__Host-session'), false);
    });
  });
}
