/** Registers a client for an operator; its secret is shown once and stored as a digest. */
import { randomBytes } from 'node:crypto';
import { type CheckedClient, checkClientMetadata } from '../protocol/client-metadata.ts';
import { digest } from '../protocol/digest.ts';
import { isResourceIndicator } from '../protocol/resource.ts';
import { insertClient } from '../store/clients.ts';
import { anything, onOff, ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface CreateClientInput {
  readonly resources?: readonly string[];
  readonly trusted?: boolean;
}

export interface CreatedClient extends Omit<CheckedClient, 'dynamic' | 'metadata' | 'default_max_age' | 'require_auth_time'> {
  readonly client_id: string;
  /** Absent for a public client. It is in no log and cannot be shown again. */
  readonly client_secret?: string;
  readonly created_at: string;
}

const metadataMembers = [
  'client_name',
  'redirect_uris',
  'post_logout_redirect_uris',
  'backchannel_logout_uri',
  'backchannel_logout_session_required',
  'grant_types',
  'response_types',
  'scope',
  'token_endpoint_auth_method',
  'id_token_signed_response_alg',
  'require_pkce',
  'default_max_age',
  'require_auth_time',
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
  'contacts',
  'software_id',
  'software_version',
  'application_type',
] as const;

/** Random bytes as base64url that does not begin like an option of a command. */
function randomText(bytes: number): string {
  const text = randomBytes(bytes).toString('base64url');
  return text.startsWith('-') ? randomText(bytes) : text;
}

export const createClient: ProcedureDefinition<Tools, CreateClientInput, CheckedClient, CreatedClient> = {
  name: 'create-client',
  atomic: true,
  asks_reason: true,
  input: {
    ...Object.fromEntries(metadataMembers.map((name) => [name, anything])),
    resources: {
      accepts: (value) =>
        Array.isArray(value) &&
        value.length <= 20 &&
        value.every((uri) => typeof uri === 'string' && uri.length <= 2000 && isResourceIndicator(uri)),
      allowed: 'a list of at most 20 absolute URIs without fragment (RFC 8707 §2)',
    },
    trusted: onOff,
  },
  async look(_tools, { resources = [], trusted = false, ...metadata }) {
    const verdict = checkClientMetadata(metadata, { dynamic: false, require_pkce: true });
    if ('error' in verdict) throw new ProcedureFault(verdict.error, verdict.description);
    return { ...verdict.client, resources: [...new Set(resources)], trusted };
  },
  plan: (_input, client) => ({
    steps: [
      `register the ${client.token_endpoint_auth_method === 'none' ? 'public' : 'confidential'} client "${client.client_name}" for ${client.grant_types.join(', ')}` +
        ` with scope "${client.scope}"`,
      ...(client.trusted ? ['trust it: no consent page is shown'] : []),
    ],
  }),
  async apply({ db, now }, _input, client) {
    const client_id = randomText(16);
    const secret = client.token_endpoint_auth_method === 'none' ? undefined : randomText(32);
    const at = now();
    await insertClient(db, {
      ...client,
      client_id,
      client_secret_hash: secret === undefined ? null : digest(secret),
      created_at: at,
      updated_at: at,
      disabled_at: null,
    });
    const { dynamic, metadata, default_max_age, require_auth_time, ...shown } = client;
    return { client_id, ...(secret !== undefined && { client_secret: secret }), ...shown, created_at: at.toISOString() };
  },
  describe: ({ client_id }) => `client ${client_id}`,
  next: () => ['oauth2ctl list-clients'],
};
