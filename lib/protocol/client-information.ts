/** Writes the client information response (RFC 7591 §3.2.1, RFC 7592 §3). */
import type { Client } from './client.ts';

/** What is shown once, when it is made; the store keeps digests. */
export interface ClientSecrets {
  readonly client_secret?: string;
  readonly registration_access_token?: string;
}

export function describeClient(client: Client, issuer: string, secrets: ClientSecrets): Record<string, unknown> {
  return {
    client_id: client.client_id,
    client_id_issued_at: Math.floor(client.created_at.getTime() / 1000),
    // RFC 7591 §3.2.1: 0 where the secret does not expire.
    ...(secrets.client_secret !== undefined && { client_secret: secrets.client_secret, client_secret_expires_at: 0 }),
    ...(secrets.registration_access_token !== undefined && { registration_access_token: secrets.registration_access_token }),
    registration_client_uri: `${issuer}/clients/register/${encodeURIComponent(client.client_id)}`,
    ...(client.client_name !== '' && { client_name: client.client_name }),
    redirect_uris: client.redirect_uris,
    ...(client.post_logout_redirect_uris.length > 0 && { post_logout_redirect_uris: client.post_logout_redirect_uris }),
    ...(client.backchannel_logout_uri !== null && {
      backchannel_logout_uri: client.backchannel_logout_uri,
      backchannel_logout_session_required: client.backchannel_logout_session_required,
    }),
    grant_types: client.grant_types,
    response_types: client.response_types,
    token_endpoint_auth_method: client.token_endpoint_auth_method,
    id_token_signed_response_alg: client.id_token_signed_response_alg,
    scope: client.scope,
    ...(client.default_max_age !== null && { default_max_age: client.default_max_age }),
    ...(client.require_auth_time && { require_auth_time: true }),
    ...client.metadata,
  };
}
