/** Decides whether client metadata may be registered, and what client it makes (RFC 7591 §2, OpenID Connect Registration §2). */
import {
  type AuthenticationMethod,
  authenticationMethods,
  type Client,
  type ClientDescription,
  type GrantType,
  grantTypes,
  signingAlgorithms,
} from './client.ts';
import { findLogoutUriFault } from './logout-uri.ts';
import { findRedirectUriFault } from './redirect-uri.ts';
import { isScope, splitScope } from './scope.ts';

export interface RegistrationPolicy {
  /** Registered over HTTP by somebody whom nobody vouches for. */
  readonly dynamic: boolean;
  /** Scope that the client may have; absent where every scope is allowed. */
  readonly allowed_scope?: string;
  /** Scope of a client that names none. */
  readonly default_scope?: string;
  /** Whether a confidential client must use PKCE; a public one always must. An operator's metadata may say otherwise. */
  readonly require_pkce: boolean;
}

/** A client without what the registration itself adds: its id, its secret and its dates. */
export type CheckedClient = Omit<Client, 'client_id' | 'client_secret_hash' | 'created_at' | 'updated_at' | 'disabled_at'>;

export interface MetadataFault {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata';
  /** Names the member, what was given and what is allowed. */
  readonly description: string;
}

export type MetadataVerdict = { readonly client: CheckedClient } | MetadataFault;

const longestUri = 2000;
/** A batch of notices, a URI each, has to fit into one message. */
const longestLogoutUri = 1000;
const mostUris = 20;
const uriMembers = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const;
const versionMembers = ['software_id', 'software_version'] as const;

/** Thrown between the checks of this file and caught in `checkClientMetadata`: a list of members ends at the first fault. */
class Fault extends Error {
  readonly verdict: MetadataFault;
  constructor(error: MetadataFault['error'], description: string) {
    super(description);
    this.verdict = { error, description };
  }
}

function refuse(
  member: string,
  value: unknown,
  allowed: string,
  error: MetadataFault['error'] = 'invalid_client_metadata',
): never {
  throw new Fault(error, `${member} is ${show(value)}; allowed: ${allowed}.`);
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? 'absent');
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** Whether Postgres can store a text and a page shows it as it is: no NUL or other control character, no half one, no change of direction. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text);
}

/** The path of the first unusable text in a value, at any depth. */
function findUnstorable(value: unknown, path: string, depth = 0): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > 8) return path;
  for (const [name, member] of Object.entries(value)) {
    if (!isStorable(name)) return path;
    const found = findUnstorable(member, path === '' ? name : `${path}.${name}`, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Members = Readonly<Record<string, unknown>>;

function readText(members: Members, name: string, longest: number): string | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > longest) refuse(name, value, `a text of at most ${longest} characters`);
  return value;
}

function readSwitch(members: Members, name: string): boolean | undefined {
  const value = members[name];
  if (value !== undefined && typeof value !== 'boolean') refuse(name, value, 'true or false');
  return value;
}

function readTexts(members: Members, name: string, most: number): string[] | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > most || !value.every((element) => typeof element === 'string'))
    refuse(name, value, `a list of at most ${most} texts`);
  return [...new Set(value as string[])];
}

function readChoice<T extends string>(members: Members, name: string, allowed: readonly T[]): T | undefined {
  const value = members[name];
  if (value !== undefined && !allowed.includes(value as T)) refuse(name, value, allowed.join(', '));
  return value as T | undefined;
}

function readUris(members: Members, name: string, error: MetadataFault['error']): string[] {
  const value = members[name] ?? [];
  if (!Array.isArray(value) || value.length > mostUris) refuse(name, value, `a list of at most ${mostUris} URIs`, error);
  for (const uri of value) {
    if (typeof uri !== 'string' || uri.length > longestUri)
      refuse(name, uri, `absolute URIs of at most ${longestUri} characters`, error);
    const fault = findRedirectUriFault(uri);
    if (fault !== undefined) throw new Fault(error, `${name}: ${show(uri)} ${fault}.`);
  }
  return [...new Set(value as string[])];
}

/** Back-Channel Logout §2.2 */
function readLogoutUri(members: Members): string | null {
  const uri = readText(members, 'backchannel_logout_uri', longestLogoutUri);
  if (uri === undefined) return null;
  const fault = findLogoutUriFault(uri);
  if (fault !== undefined) throw new Fault('invalid_client_metadata', `backchannel_logout_uri: ${show(uri)} ${fault}.`);
  return uri;
}

/** RFC 7591 §2.1: grant types and response types belong together. */
function readGrantTypes(members: Members, method: AuthenticationMethod): Pick<Client, 'grant_types' | 'response_types'> {
  const grants = readTexts(members, 'grant_types', 10) ?? ['authorization_code'];
  const unknown = grants.find((grant) => !grantTypes.includes(grant as GrantType));
  if (unknown !== undefined || grants.length === 0) refuse('grant_types', unknown ?? grants, grantTypes.join(', '));
  const usesCode = grants.includes('authorization_code');
  if (grants.includes('refresh_token') && !usesCode)
    refuse('grant_types', grants, 'refresh_token only together with authorization_code');
  // OAuth 2.1 §4.2
  if (grants.includes('client_credentials') && method === 'none')
    refuse('grant_types', grants, 'client_credentials only with a client that authenticates (token_endpoint_auth_method)');
  const responses = readTexts(members, 'response_types', 10) ?? (usesCode ? ['code'] : []);
  if (responses.join() !== (usesCode ? 'code' : ''))
    refuse(
      'response_types',
      responses,
      usesCode ? '["code"], as grant_types has authorization_code' : 'none with these grant_types',
    );
  return { grant_types: grants as GrantType[], response_types: responses };
}

function readScope(members: Members, policy: RegistrationPolicy): string {
  const scope = readText(members, 'scope', 2000) ?? policy.default_scope ?? '';
  if (scope === '') return '';
  // RFC 6749 §3.3
  if (!isScope(scope)) refuse('scope', scope, 'scope values separated by spaces');
  const values = splitScope(scope);
  if (policy.allowed_scope !== undefined) {
    const allowed = splitScope(policy.allowed_scope);
    const beyond = values.filter((value) => !allowed.includes(value));
    if (beyond.length > 0) refuse('scope', beyond.join(' '), policy.allowed_scope || 'no scope');
  }
  return values.join(' ');
}

function readMaxAge(members: Members): number | null {
  const value = members.default_max_age;
  if (value === undefined) return null;
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 2_147_483_647)
    refuse('default_max_age', value, 'whole seconds from 0 to 2147483647');
  return value as number;
}

function readDescription(members: Members): ClientDescription {
  const description: Record<string, unknown> = {};
  for (const name of uriMembers) {
    const uri = readText(members, name, longestUri);
    if (uri === undefined) continue;
    if (!URL.canParse(uri) || !/^https:\/\/[\x21-\x7e]+$/i.test(uri)) refuse(name, uri, 'an https URL');
    description[name] = uri;
  }
  for (const name of versionMembers) {
    const text = readText(members, name, 200);
    if (text !== undefined) description[name] = text;
  }
  const contacts = readTexts(members, 'contacts', 10);
  if (contacts?.some((contact) => contact.length > 254)) refuse('contacts', contacts, 'addresses of at most 254 characters');
  if (contacts !== undefined) description.contacts = contacts;
  const kind = readChoice(members, 'application_type', ['web', 'native'] as const);
  if (kind !== undefined) description.application_type = kind;
  return description;
}

/**
 * Checks the metadata of a client to be registered, by an operator or by itself. Unknown members are ignored, null ones count as absent.
 * @param input the parsed JSON of a registration request
 * @returns the client, or the error of RFC 7591 §3.2.2
 */
export function checkClientMetadata(input: unknown, policy: RegistrationPolicy): MetadataVerdict {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { error: 'invalid_client_metadata', description: 'The metadata is not a JSON object.' };
  const unstorable = findUnstorable(input, '');
  if (unstorable !== undefined) {
    const where = unstorable.replace(/[^\w.#-]/g, '?').slice(0, 100);
    const error = where.startsWith('redirect_uris') ? 'invalid_redirect_uri' : 'invalid_client_metadata';
    return { error, description: `${where} contains a control character or is nested too deeply.` };
  }
  const members: Members = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
  try {
    return { client: readClient(members, policy) };
  } catch (error) {
    if (error instanceof Fault) return error.verdict;
    throw error;
  }
}

function readClient(members: Members, policy: RegistrationPolicy): CheckedClient {
  const method = readChoice(members, 'token_endpoint_auth_method', authenticationMethods) ?? 'client_secret_basic';
  const grants = readGrantTypes(members, method);
  const redirect_uris = readUris(members, 'redirect_uris', 'invalid_redirect_uri');
  if (grants.grant_types.includes('authorization_code') && redirect_uris.length === 0)
    throw new Fault('invalid_redirect_uri', 'redirect_uris is missing; the grant type authorization_code needs at least one.');
  // RFC 7591 §2: the two must not be present together.
  if (members.jwks !== undefined && members.jwks_uri !== undefined)
    refuse('jwks_uri', members.jwks_uri, 'either jwks or jwks_uri, not both');
  const chosen = policy.dynamic ? undefined : readSwitch(members, 'require_pkce');
  if (method === 'none' && chosen === false) refuse('require_pkce', false, 'true for a public client (OAuth 2.1 §7.5.1)');
  return {
    client_name: readText(members, 'client_name', 200) ?? '',
    token_endpoint_auth_method: method,
    redirect_uris,
    post_logout_redirect_uris: readUris(members, 'post_logout_redirect_uris', 'invalid_client_metadata'),
    backchannel_logout_uri: readLogoutUri(members),
    backchannel_logout_session_required: readSwitch(members, 'backchannel_logout_session_required') ?? false,
    ...grants,
    scope: readScope(members, policy),
    resources: [],
    // Never `none`: OpenID Connect Core §2 allows it only where no ID token leaves the authorization endpoint and the client asks; we never do.
    id_token_signed_response_alg: readChoice(members, 'id_token_signed_response_alg', signingAlgorithms) ?? 'RS256',
    require_pkce: method === 'none' || (chosen ?? policy.require_pkce),
    trusted: false,
    dynamic: policy.dynamic,
    default_max_age: readMaxAge(members),
    require_auth_time: readSwitch(members, 'require_auth_time') ?? false,
    metadata: readDescription(members),
  };
}
