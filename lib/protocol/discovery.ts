/** The metadata of this authorization server (RFC 8414 §2, OpenID Connect Discovery §3): what is off is not announced. */
import type { Route } from '../routes.ts';
import { passwordAcr } from './claims-parameter.ts';
import { authenticationMethods, grantTypes, signingAlgorithms } from './client.ts';
import { oidcScope } from './scope.ts';
import { releasableClaims } from './userinfo.ts';

/**
 * Builds the document.
 * @param routes the route table; a row with `metadata` is announced under that member
 * @param registration whether clients may register themselves
 */
export function describeServer(
  issuer: string,
  routes: Readonly<Record<string, Route>>,
  registration: boolean,
): Record<string, unknown> {
  const endpoints = Object.values(routes)
    .filter((route) => route.metadata !== undefined && (registration || route.metadata !== 'registration_endpoint'))
    .map((route) => [route.metadata, `${issuer}${route.paths[0]}`]);
  const confidential = authenticationMethods.filter((method) => method !== 'none');
  return {
    issuer,
    ...Object.fromEntries(endpoints),
    scopes_supported: oidcScope,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypes,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: authenticationMethods,
    introspection_endpoint_auth_methods_supported: confidential,
    revocation_endpoint_auth_methods_supported: authenticationMethods,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: signingAlgorithms,
    acr_values_supported: [passwordAcr],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    claim_types_supported: ['normal'],
    claims_supported: [
      'sub',
      'iss',
      'aud',
      'exp',
      'iat',
      'auth_time',
      'acr',
      'amr',
      'nonce',
      'sid',
      'at_hash',
      ...releasableClaims,
    ],
    claims_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  };
}
