/** Differences from oidc-provider in what a request gets that is not refused: each was looked at, with the reason why ours is right. */
import type { AllowedDifference } from './observation.ts';

export const allowedAnswers: readonly AllowedDifference[] = [
  {
    why: 'RFC 7662 §2.1 and §4: introspection is for callers that prove who they are; a public client proves nothing, and may not find out whether a token that it picked up is alive.',
    where: [
      {
        cases: ['introspect: a public client'],
        facts: {
          error: ['invalid_client', '–'],
          'member active': ['–', 'true'],
          'member client_id': ['–', 'text'],
          'member error_description': ['text', '–'],
          'member exp': ['–', 'number'],
          'member iat': ['–', 'number'],
          'member iss': ['–', 'text'],
          'member scope': ['–', 'text'],
          'member sub': ['–', 'text'],
          'member token_type': ['–', 'Bearer'],
          status: ['401', '200'],
          'www-authenticate': ['Basic charset realm', '–'],
        },
      },
    ],
  },
  {
    why: 'RFC 6749 §3.3: without scope a client gets its registered one, and §5.1 has the answer say so.',
    where: [{ cases: ['client_credentials: no scope'], facts: { 'member scope': ['text', '–'] } }],
  },
  {
    why: 'OAuth 2.1 §4.3.1 wants reuse detected, which a repeated request after a lost answer is not: within the retry grace (30 s by default, a setting) it gets the same successor, and the family stays one.',
    where: [
      {
        cases: ['refresh: the same token at once again'],
        facts: {
          error: ['–', 'invalid_grant'],
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
    why: 'RFC 9068 §2 and §3: every access token is a JWT, also one for the issuer itself, so that its receiver need not ask; oidc-provider signs only those for a resource.',
    where: [
      {
        cases: [
          'token: the same client_id in the body as in the header',
          'client_credentials: a good request',
          'client_credentials: with client_secret_post',
          'client_credentials: no scope',
          'client_credentials: an unknown parameter',
        ],
        facts: { 'member access_token': ['JWT ES256 at+jwt with aud client_id exp iat iss jti scope sub', 'text'] },
      },
      {
        cases: [
          'code: a good exchange',
          'code: a good exchange of a public client',
          'code: a good exchange with client_secret_post',
          'code: without openid',
          'refresh: a good request',
          'refresh: a good request of a public client',
          'refresh: a narrower scope',
        ],
        facts: { 'member access_token': ['JWT ES256 at+jwt with aud auth_time client_id exp iat iss jti scope sub', 'text'] },
      },
    ],
  },
  {
    why: 'RFC 9068 §2.2.1: auth_time tells a resource server how old the sign-in is.',
    where: [
      {
        cases: ['code: for a resource', 'refresh: for a granted resource'],
        facts: {
          'member access_token': [
            'JWT ES256 at+jwt with aud auth_time client_id exp iat iss jti scope sub',
            'JWT ES256 at+jwt with aud client_id exp iat iss jti scope sub',
          ],
        },
      },
    ],
  },
  {
    why: 'OpenID Connect Core §2 and §3.1.3.6: acr, amr, auth_time and at_hash are OPTIONAL, as is sid (Front-Channel Logout §3); RFC 7519 §5.1 recommends typ.',
    where: [
      {
        cases: [
          'code: a good exchange',
          'code: a good exchange of a public client',
          'code: a good exchange with client_secret_post',
          'code: for a resource',
          'refresh: a good request',
          'refresh: a good request of a public client',
          'refresh: for a granted resource',
          'refresh: a narrower scope',
        ],
        facts: {
          'member id_token': [
            'JWT RS256 JWT with acr amr at_hash aud auth_time exp iat iss sid sub',
            'JWT RS256 none with aud exp iat iss sub',
          ],
        },
      },
    ],
  },
  {
    why: 'RFC 7662 §2.2: aud, iss, jti, sub, username and token_type are OPTIONAL members, which a resource server needs to tell whether the token is for it and about whom.',
    where: [
      {
        cases: [
          'introspect: an active access token',
          'introspect: an active access token under a wrong hint',
          'introspect: under an unknown hint',
        ],
        facts: {
          'member aud': ['text', '–'],
          'member auth_time': ['number', '–'],
          'member jti': ['text', '–'],
          'member username': ['text', '–'],
        },
      },
      {
        cases: ['introspect: an active refresh token'],
        facts: { 'member aud': ['text', '–'], 'member username': ['text', '–'] },
      },
      {
        cases: ["introspect: a client's own token"],
        facts: { 'member aud': ['text', '–'], 'member jti': ['text', '–'], 'member sub': ['text', '–'] },
      },
    ],
  },
  {
    why: 'RFC 9111 §5.2.2.5: whether a token lives is not for caches to keep.',
    where: [
      {
        cases: [
          'revoke: no client',
          'revoke: a wrong secret',
          'revoke: no token',
          'revoke: a repeated token',
          'revoke: garbage',
          'revoke: an access token',
          'revoke: a refresh token',
          'revoke: a refresh token under a wrong hint',
          'revoke: under an unknown hint',
          "revoke: a public client's own token",
          "revoke: another client's token",
          'revoke: a token twice',
        ],
        facts: { 'cache-control': ['no-store', '–'] },
      },
    ],
  },
  {
    why: "RFC 7009 §2.1 has another client's token refused; §2.2 answers 200 for a token that is not there. Ours leaves it alone and answers the same 200, so that nobody can find out by revoking which tokens exist.",
    where: [
      {
        cases: ["revoke: another client's token"],
        facts: {
          body: ['empty', '–'],
          'content-type': ['–', 'application/json'],
          error: ['–', 'invalid_request'],
          'member error_description': ['–', 'text'],
          status: ['200', '400'],
        },
      },
    ],
  },
  {
    why: 'RFC 9111 §5.2.2.1: discovery and keys change rarely and are asked for often; five minutes are less than a rotation is announced ahead.',
    where: [
      { cases: ['discovery: OpenID Connect'], facts: { 'cache-control': ['max-age=300, public', '–'] } },
      { cases: ['jwks: the keys'], facts: { 'cache-control': ['max-age=300, public, s-maxage=1', '–'] } },
    ],
  },
  {
    why: 'RFC 7517 §8.5.1 registers application/jwk-set+json, and neither RFC 8414 §2 nor OpenID Connect Discovery §3 asks for it; application/json is what every client and cache knows.',
    where: [{ cases: ['jwks: the keys'], facts: { 'content-type': ['application/json', 'application/jwk-set+json'] } }],
  },
  {
    why: 'RFC 8414 §2 and OpenID Connect Discovery §3: OPTIONAL members; absent ones would mean their defaults, so what differs from them, and what is off, is said.',
    where: [
      {
        cases: ['discovery: OpenID Connect'],
        facts: {
          'member acr_values_supported': ['list', '–'],
          'member introspection_endpoint_auth_methods_supported': ['list', '–'],
          'member prompt_values_supported': ['list', '–'],
          'member request_parameter_supported': ['false', '–'],
          'member revocation_endpoint_auth_methods_supported': ['list', '–'],
        },
      },
    ],
  },
];
