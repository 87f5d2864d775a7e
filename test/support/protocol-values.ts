/** Complete protocol values for tests: each test names only the fields that it is about. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { AuthorizationCode } from '../../lib/protocol/authorization-code.ts';
import type { ValidAuthorizationRequest } from '../../lib/protocol/authorization-request.ts';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import type { Destination } from '../../lib/protocol/errors.ts';
import { proveDestination } from '../../lib/protocol/redirect-uri.ts';
import type { TokenFamily } from '../../lib/protocol/refresh-token.ts';
import type { Session } from '../../lib/protocol/session.ts';

/** The moment at which tests of pure decisions take place. */
export const now = new Date('2026-11-23T12:00:00.000Z');
export const secondsLater = (seconds: number, from: Date = now) => new Date(from.getTime() + seconds * 1000);

/** Any text at all: control characters, every plane of Unicode and halves of surrogate pairs, half of it ASCII. */
export const anyText = (constraints: { minLength?: number; maxLength?: number } = {}) =>
  fc.array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), constraints).map((units) => String.fromCharCode(...units));

/** Any text that may travel as a parameter: it has neither half characters nor NUL. */
export const parameterText = (constraints: { minLength?: number; maxLength?: number } = {}) =>
  anyText(constraints).map((text) => text.replaceAll('\0', ' ').toWellFormed());

/** A registered, untrusted confidential client of the code flow, unless a field says otherwise. */
export function makeClient(fields: Partial<Client> = {}): Client {
  const method = fields.token_endpoint_auth_method ?? 'client_secret_basic';
  return {
    client_id: 'client-a',
    client_name: 'Client A',
    client_secret_hash: method === 'none' ? null : digest('secret of client-a'),
    token_endpoint_auth_method: method,
    redirect_uris: ['https://a.example/cb'],
    post_logout_redirect_uris: [],
    backchannel_logout_uri: null,
    backchannel_logout_session_required: false,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid profile offline_access read write',
    resources: [],
    id_token_signed_response_alg: 'RS256',
    require_pkce: true,
    trusted: false,
    dynamic: false,
    default_max_age: null,
    require_auth_time: false,
    metadata: {},
    created_at: now,
    updated_at: now,
    disabled_at: null,
    ...fields,
  };
}

export const issuer = 'https://issuer.example';

/** A destination, proven as any other. */
export function makeDestination(redirectUri: string, state?: string): Destination {
  const proof = proveDestination({ client_id: 'client-a', redirect_uris: [redirectUri] }, redirectUri, state, false);
  if ('unproven' in proof) throw new Error(proof.unproven);
  return proof.destination;
}

export function makeRequest(fields: Partial<ValidAuthorizationRequest> = {}): ValidAuthorizationRequest {
  return {
    client: makeClient(),
    destination: makeDestination('https://a.example/cb', 'state'),
    scope: ['openid'],
    resources: [],
    code_challenge: undefined,
    nonce: undefined,
    prompt: new Set(),
    max_age: undefined,
    login_hint: undefined,
    id_token_hint: undefined,
    claims: undefined,
    ...fields,
  };
}

/** A session that began a minute ago. */
export function makeSession(fields: Partial<Session> = {}): Session {
  return {
    session_id: randomUUID(),
    session_hash: digest(`cookie ${randomUUID()}`),
    subject: randomUUID(),
    username: 'alice',
    authenticated_at: secondsLater(-60),
    amr: ['pwd'],
    expires_at: secondsLater(3600),
    authenticated_for: null,
    consented_for: null,
    ...fields,
  };
}

/** A code that was issued ten seconds ago and lives for a minute. */
export function makeCode(fields: Partial<AuthorizationCode> = {}): AuthorizationCode {
  return {
    code_hash: digest(`code ${randomUUID()}`),
    client_id: 'client-a',
    subject: randomUUID(),
    session_id: randomUUID(),
    family_id: randomUUID(),
    redirect_uri: 'https://a.example/cb',
    redirect_uri_given: true,
    scope: 'openid read',
    resources: [],
    nonce: null,
    code_challenge: null,
    authenticated_at: secondsLater(-60),
    amr: ['pwd'],
    claims: null,
    issued_at: secondsLater(-10),
    expires_at: secondsLater(50),
    redeemed_at: null,
    ...fields,
  };
}

/** A family an hour old whose refresh token was never rotated. */
export function makeFamily(fields: Partial<TokenFamily> = {}): TokenFamily {
  return {
    family_id: randomUUID(),
    client_id: 'client-a',
    subject: randomUUID(),
    session_id: randomUUID(),
    scope: 'openid read',
    resources: [],
    authenticated_at: secondsLater(-3600),
    amr: ['pwd'],
    claims: null,
    offline: true,
    issued_at: secondsLater(-3600),
    expires_at: secondsLater(86_400),
    refresh_hash: null,
    refresh_expires_at: secondsLater(3600),
    generation: 0,
    previous_hash: null,
    rotated_at: null,
    successor_sealed: null,
    revoked_at: null,
    ...fields,
  };
}
