/** What a client is: one row of the store and, by the same names, the metadata of RFC 7591 §2. */

export type AuthenticationMethod = 'client_secret_basic' | 'client_secret_post' | 'none';
export const authenticationMethods: readonly AuthenticationMethod[] = ['client_secret_basic', 'client_secret_post', 'none'];

export type GrantType = 'authorization_code' | 'refresh_token' | 'client_credentials';
export const grantTypes: readonly GrantType[] = ['authorization_code', 'refresh_token', 'client_credentials'];

export type SigningAlgorithm = 'RS256' | 'ES256';
export const signingAlgorithms: readonly SigningAlgorithm[] = ['RS256', 'ES256'];

/** Descriptive metadata that the consent page shows or that a client only gets back. */
export interface ClientDescription {
  readonly client_uri?: string;
  readonly logo_uri?: string;
  readonly policy_uri?: string;
  readonly tos_uri?: string;
  readonly contacts?: readonly string[];
  readonly software_id?: string;
  readonly software_version?: string;
  readonly application_type?: 'web' | 'native';
}

export interface Client {
  readonly client_id: string;
  readonly client_name: string;
  /** Absent for a public client. */
  readonly client_secret_hash: Uint8Array | null;
  readonly token_endpoint_auth_method: AuthenticationMethod;
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris: readonly string[];
  /** Where it is told that a session ended; null where it is not. */
  readonly backchannel_logout_uri: string | null;
  /** Whether the session's id must be in what it is told; it always is. */
  readonly backchannel_logout_session_required: boolean;
  readonly grant_types: readonly GrantType[];
  readonly response_types: readonly string[];
  readonly scope: string;
  /** Resource indicators it may request, and whose tokens it may introspect. */
  readonly resources: readonly string[];
  readonly id_token_signed_response_alg: SigningAlgorithm;
  readonly require_pkce: boolean;
  /** First-party: the consent page is not shown. */
  readonly trusted: boolean;
  /** Registered by RFC 7591: nobody vouches for it. */
  readonly dynamic: boolean;
  /** Seconds. */
  readonly default_max_age: number | null;
  readonly require_auth_time: boolean;
  readonly metadata: ClientDescription;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly disabled_at: Date | null;
}

export function isPublic(client: Client): boolean {
  return client.token_endpoint_auth_method === 'none';
}
