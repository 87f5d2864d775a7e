/** Differences from oidc-provider in what is refused and how: each was looked at, with the reason why ours is right. */
import type { AllowedDifference } from './observation.ts';

export const allowedRefusals: readonly AllowedDifference[] = [
  {
    why: 'RFC 6749 §4.1.2.1: who has no proven redirect URI is told on the page, and of the codes listed there invalid_request is the one for an invalid client_id or redirect_uri; invalid_client belongs to the token endpoint (§5.2) and invalid_redirect_uri to registration (RFC 7591 §3.2.2).',
    where: [
      { cases: ['authorize: an unknown client_id'], facts: { error: ['invalid_request', 'invalid_client'] } },
      {
        cases: [
          'authorize: an unregistered redirect_uri',
          'authorize: a redirect_uri with a slash more',
          'authorize: a redirect_uri with another port',
          'authorize: a redirect_uri with userinfo',
          'authorize: a redirect_uri with a fragment',
          'authorize: a loopback redirect URI with another path',
          'authorize: a client without redirect URIs',
        ],
        facts: { error: ['invalid_request', 'invalid_redirect_uri'] },
      },
    ],
  },
  {
    why: 'OpenID Connect Core §3.1.2.1: redirect_uri is REQUIRED in an OpenID request, however many are registered.',
    where: [
      {
        cases: ['authorize: no redirect_uri with openid where one is registered'],
        facts: {
          'content-type': ['text/html', '–'],
          error: ['invalid_request', '–'],
          status: ['400', '303'],
          to: ['–', 'its own pages'],
        },
      },
    ],
  },
  {
    why: 'RFC 6749 §3.3 leaves unknown scope values to the server: outside OpenID Connect (whose Core §3.1.2.1 wants them ignored) a client is told rather than given less than it asked for.',
    where: [
      {
        cases: ['authorize: an unknown scope value without openid'],
        facts: {
          error: ['invalid_scope', '–'],
          'parameter error_description': ['text', '–'],
          'parameter iss': ['the issuer', '–'],
          'parameter state': ['xyz', '–'],
          to: ['https://client.example/cb', 'its own pages'],
        },
      },
    ],
  },
  {
    why: 'RFC 6749 §4.1.2.1 has invalid_request for an unsupported parameter value; unsupported_response_mode is in no registry.',
    where: [
      { cases: ['authorize: an unknown response_mode'], facts: { error: ['invalid_request', 'unsupported_response_mode'] } },
    ],
  },
  {
    why: 'RFC 6749 §4.1.2.1: error_description is OPTIONAL and helps the developer of the client.',
    where: [
      {
        cases: ['authorize: a request object', 'authorize: a request_uri', 'authorize: a registration'],
        facts: { 'parameter error_description': ['text', '–'] },
      },
    ],
  },
  {
    why: 'RFC 7591 §2: token_endpoint_auth_method is the method of the client. A secret that turns up by another way than registered is refused, not used.',
    where: [
      {
        cases: [
          'token: the secret in the body where the header is registered',
          'token: the secret in the header where the body is registered',
        ],
        facts: {
          error: ['invalid_client', '–'],
          'member access_token': ['–', 'text'],
          'member error_description': ['text', '–'],
          'member expires_in': ['–', 'number'],
          'member scope': ['–', 'text'],
          'member token_type': ['–', 'Bearer'],
          status: ['401', '200'],
          'www-authenticate': ['Basic charset realm', '–'],
        },
      },
    ],
  },
  {
    why: 'RFC 9110 §15.5.6: a known resource that does not serve the method answers 405 and Allow. As every error of the endpoint it is JSON and not to be kept.',
    where: [
      {
        cases: ['token: GET', 'introspect: GET', 'revoke: GET'],
        facts: {
          body: ['–', 'text'],
          'cache-control': ['no-store', '–'],
          'content-type': ['application/json', 'text/plain'],
          error: ['invalid_request', '–'],
          'member error_description': ['text', '–'],
          status: ['405', '404'],
        },
      },
    ],
  },
  {
    why: 'RFC 6749 §5.2: no client authentication, or one that is not supported, is invalid_client; with an Authorization header it MUST be 401.',
    where: [
      {
        cases: [
          'token: no client',
          'token: a Basic header that is no base64',
          'token: a Basic header without a colon',
          'token: a Bearer header',
          'token: credentials in the query',
          'introspect: no client',
          'revoke: no client',
        ],
        facts: { error: ['invalid_client', 'invalid_request'], status: ['401', '400'] },
      },
    ],
  },
  {
    why: 'RFC 9110 §15.5.2: every 401 carries a challenge, also where the client sent its secret in the body.',
    where: [
      {
        cases: [
          'token: no client',
          'token: an unknown client in the body',
          'token: a wrong secret in the body',
          'token: no secret where one is registered',
          'token: a secret of a public client',
          'token: a Basic header that is no base64',
          'token: a Basic header without a colon',
          'token: a Bearer header',
          'token: credentials in the query',
          'refresh: without the secret',
          'introspect: no client',
          'revoke: no client',
        ],
        facts: { 'www-authenticate': ['Basic charset realm', '–'] },
      },
    ],
  },
  {
    why: 'RFC 7617 §2 gives the Basic scheme two parameters, realm and charset; the error is in the body.',
    where: [
      {
        cases: [
          'token: an unknown client',
          'token: a wrong secret in the header',
          'introspect: a wrong secret',
          'revoke: a wrong secret',
        ],
        facts: { 'www-authenticate': ['Basic charset realm', 'Basic error error_description realm (invalid_client)'] },
      },
    ],
  },
  {
    why: 'RFC 6749 §5.2: an authenticated client that may not use the grant type gets unauthorized_client.',
    where: [
      {
        cases: ['client_credentials: a public client', 'code: by a client that may not', 'refresh: by a client that may not'],
        facts: { error: ['unauthorized_client', 'invalid_request'] },
      },
    ],
  },
  {
    why: 'RFC 6749 §5.2: a scope that exceeds what the client may have is invalid_scope; oidc-provider issues a token for less.',
    where: [
      {
        cases: ['client_credentials: a scope that is not registered'],
        facts: {
          error: ['invalid_scope', '–'],
          'member access_token': ['–', 'text'],
          'member error_description': ['text', '–'],
          'member expires_in': ['–', 'number'],
          'member scope': ['–', 'text'],
          'member token_type': ['–', 'Bearer'],
          status: ['400', '200'],
        },
      },
    ],
  },
  {
    why: 'RFC 7636 §4.6: a verifier that does not match, of whatever form, is invalid_grant.',
    where: [{ cases: ['code: a verifier that is too short'], facts: { error: ['invalid_grant', 'invalid_request'] } }],
  },
  {
    why: 'OAuth 2.1 §10.2: the token request has no redirect_uri any more, PKCE does its work; one that is sent has to be the right one.',
    where: [
      {
        cases: ['code: no redirect_uri'],
        facts: {
          error: ['–', 'invalid_request'],
          'member access_token': ['JWT ES256 at+jwt with aud auth_time client_id exp iat iss jti scope sub', '–'],
          'member error_description': ['–', 'text'],
          'member expires_in': ['number', '–'],
          'member id_token': ['JWT RS256 JWT with acr amr at_hash aud auth_time exp iat iss sid sub', '–'],
          'member refresh_token': ['text', '–'],
          'member scope': ['text', '–'],
          'member token_type': ['Bearer', '–'],
          status: ['200', '400'],
        },
      },
    ],
  },
  {
    why: 'RFC 6749 §5.2: an error answer has no scope member; RFC 6750 §3 has it in the challenge, where ours has it too.',
    where: [{ cases: ['refresh: a wider scope', 'userinfo: a token without openid'], facts: { 'member scope': ['–', 'text'] } }],
  },
  {
    why: 'RFC 6750 §3: a request without credentials of the Bearer scheme gets a challenge without error code or other information; a token in the URL is not read at all (OAuth 2.1 §5.1).',
    where: [
      {
        cases: ['userinfo: a Basic header', 'userinfo: a token in the query'],
        facts: {
          body: ['empty', '–'],
          'content-type': ['–', 'application/json'],
          error: ['–', 'invalid_request'],
          'member error_description': ['–', 'text'],
          status: ['401', '400'],
          'www-authenticate': ['Bearer realm', 'Bearer error error_description realm (invalid_request)'],
        },
      },
      {
        cases: ['userinfo: no token'],
        facts: {
          body: ['empty', '–'],
          'content-type': ['–', 'application/json'],
          error: ['–', 'invalid_token'],
          'member error_description': ['–', 'text'],
        },
      },
    ],
  },
  {
    why: 'RFC 6750 §3: error_description is OPTIONAL in the challenge; ours is in the body.',
    where: [
      {
        cases: ['userinfo: a token in header and form at once'],
        facts: {
          'www-authenticate': ['Bearer error realm (invalid_request)', 'Bearer error error_description realm (invalid_request)'],
        },
      },
      {
        cases: ['userinfo: a token without openid'],
        facts: {
          'www-authenticate': [
            'Bearer error realm scope (insufficient_scope)',
            'Bearer error error_description realm scope (insufficient_scope)',
          ],
        },
      },
    ],
  },
];
