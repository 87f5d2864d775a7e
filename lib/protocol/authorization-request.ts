/** Decides whether an authorization request is valid, as a list of small checks (OAuth 2.1 §4.1.1, OpenID Connect Core §3.1.2). */
import { demandsUnknownAcr, parseClaims, type RequestedClaims } from './claims-parameter.ts';
import type { Client } from './client.ts';
import { type Destination, type ErrorCode, type RedirectRefusal, Refusal } from './errors.ts';
import { findRepeated, type Parameters } from './parameters.ts';
import { isCodeChallenge } from './pkce.ts';
import { proveDestination } from './redirect-uri.ts';
import { decideResources } from './resource.ts';
import { decideRequestedScope, splitScope } from './scope.ts';

export type Prompt = 'none' | 'login' | 'consent' | 'select_account';
const prompts: readonly string[] = ['none', 'login', 'consent', 'select_account'];

export interface ValidAuthorizationRequest {
  readonly client: Client;
  readonly destination: Destination;
  readonly scope: readonly string[];
  readonly resources: readonly string[];
  readonly code_challenge: string | undefined;
  readonly nonce: string | undefined;
  readonly prompt: ReadonlySet<Prompt>;
  /** Seconds. */
  readonly max_age: number | undefined;
  readonly login_hint: string | undefined;
  readonly id_token_hint: string | undefined;
  readonly claims: RequestedClaims | undefined;
}

/** A page error leaves as an exception (`Refusal`); what is returned always has a proven destination. */
export type AuthorizationRequestVerdict =
  | { readonly kind: 'valid'; readonly request: ValidAuthorizationRequest }
  | { readonly kind: 'refused'; readonly refusal: RedirectRefusal; readonly silent: boolean };

/**
 * The client that a request names; whatever is wrong here never redirects (OAuth 2.1 §4.1.2.1).
 * @throws {Refusal} invalid_request, for the page
 */
export function readClientId(parameters: Parameters): string {
  for (const name of ['client_id', 'redirect_uri']) {
    if (parameters.repeated.includes(name)) throw new Refusal('invalid_request', `The parameter ${name} is sent more than once.`);
  }
  const clientId = parameters.get('client_id');
  if (clientId === undefined) throw new Refusal('invalid_request', 'The parameter client_id is missing.');
  return clientId;
}

/**
 * Checks a request of a client against its registration.
 * @param client undefined where the store knows none, or it is disabled
 * @param serverResources resource indicators that every client may request
 * @throws {Refusal} for the page, while no destination is proven
 */
export function checkAuthorizationRequest(
  parameters: Parameters,
  client: Client | undefined,
  serverResources: readonly string[],
): AuthorizationRequestVerdict {
  if (!client || client.disabled_at) {
    throw new Refusal('invalid_request', 'The client_id is not known here.', {
      detail: client ? 'client is disabled' : 'client is unknown',
    });
  }
  const openid = splitScope(parameters.get('scope') ?? '').includes('openid') && splitScope(client.scope).includes('openid');
  const proof = proveDestination(client, parameters.get('redirect_uri'), parameters.get('state'), openid);
  if ('unproven' in proof) {
    // Some clients send the address of the page they are on, whose query may hold a code: it stays out of the log.
    const [place] = parameters.get('redirect_uri')?.split(/[?#]/) ?? [];
    throw new Refusal('invalid_request', proof.unproven, { detail: `redirect_uri ${place}` });
  }
  const { destination } = proof;
  const promptValues = splitScope(parameters.get('prompt') ?? '');
  const refuse = (error: ErrorCode, description: string): AuthorizationRequestVerdict => ({
    kind: 'refused',
    refusal: { destination, error, description },
    // prompt=none: nothing may be shown, so the error goes back at once whoever the client is.
    silent: promptValues.length === 1 && promptValues[0] === 'none',
  });

  const repeated = findRepeated(parameters);
  if (repeated !== undefined) return refuse('invalid_request', `The parameter ${repeated} is sent more than once.`);

  for (const [name, error] of unsupportedParameters) {
    if (parameters.get(name) !== undefined) return refuse(error, `The parameter ${name} is not supported.`);
  }

  const responseType = parameters.get('response_type');
  if (responseType === undefined) return refuse('invalid_request', 'The parameter response_type is missing.');
  // OAuth 2.1 §10.1: the implicit and the hybrid response types are gone.
  if (responseType !== 'code') return refuse('unsupported_response_type', 'The only response_type is code.');
  if (!client.response_types.includes('code') || !client.grant_types.includes('authorization_code')) {
    return refuse('unauthorized_client', 'The client is not registered for the authorization code grant type.');
  }

  const responseMode = parameters.get('response_mode') ?? 'query';
  if (responseMode !== 'query') return refuse('invalid_request', 'The only response_mode is query.');

  const challenge = parameters.get('code_challenge');
  const method = parameters.get('code_challenge_method');
  if (challenge === undefined) {
    if (method !== undefined) return refuse('invalid_request', 'The parameter code_challenge is missing.');
    // OAuth 2.1 §4.1.2.1, §7.5.1
    if (client.require_pkce || client.token_endpoint_auth_method === 'none') {
      return refuse('invalid_request', 'The parameter code_challenge is missing: this client must use PKCE with S256.');
    }
  } else {
    // RFC 7636 §4.3: an absent method means plain.
    if (method !== 'S256') return refuse('invalid_request', 'The only code_challenge_method is S256.');
    if (!isCodeChallenge(challenge)) return refuse('invalid_request', 'The code_challenge must be 43 characters of base64url.');
  }

  const scope = decideRequestedScope(parameters.get('scope'), client.scope);
  if ('refused' in scope) return refuse('invalid_scope', scope.refused);

  const resources = decideResources(parameters.all('resource'), [...client.resources, ...serverResources]);
  if ('refused' in resources) return refuse('invalid_target', resources.refused);

  const strange = promptValues.find((value) => !prompts.includes(value));
  if (strange !== undefined) return refuse('invalid_request', `The prompt ${strange} is not known.`);
  // OpenID Connect Core §3.1.2.1
  if (promptValues.includes('none') && promptValues.length > 1)
    return refuse('invalid_request', 'prompt=none goes with no other value.');

  const maxAge = parameters.get('max_age');
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge))
    return refuse('invalid_request', 'The parameter max_age must be whole seconds.');

  const claimsText = parameters.get('claims');
  const claims = claimsText === undefined ? undefined : parseClaims(claimsText);
  if (claimsText !== undefined && claims === undefined) return refuse('invalid_request', 'The parameter claims is malformed.');
  if (demandsUnknownAcr(claims)) {
    return refuse('unmet_authentication_requirements', 'The demanded authentication context cannot be reached here.');
  }

  return {
    kind: 'valid',
    request: {
      client,
      destination,
      scope: scope.granted,
      resources: resources.granted,
      code_challenge: challenge,
      nonce: parameters.get('nonce'),
      prompt: new Set(promptValues as Prompt[]),
      max_age: maxAge === undefined ? (client.default_max_age ?? undefined) : Number(maxAge),
      login_hint: parameters.get('login_hint'),
      id_token_hint: parameters.get('id_token_hint'),
      claims,
    },
  };
}

/** OpenID Connect Core §6 and §7.2.1: what is not offered is refused by its own code. */
const unsupportedParameters: readonly (readonly [string, ErrorCode])[] = [
  ['request', 'request_not_supported'],
  ['request_uri', 'request_uri_not_supported'],
  ['registration', 'registration_not_supported'],
];
