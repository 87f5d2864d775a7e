/** Reduces a response to what two servers must agree on, as flat facts: status, error code, members and their shapes, headers that matter. */
import { errorStatus } from '../../lib/protocol/errors.ts';

/** Name of a fact → its value as text; a fact that a response does not show is absent. */
export type Observation = Readonly<Record<string, string>>;

/** Lists whose values matter, beside that they are there. */
const comparedLists = ['code_challenge_methods_supported', 'response_types_supported', 'grant_types_supported'];

function describeJwt(text: string): string | undefined {
  const [header, payload, signature] = text.split('.');
  if (!header || !payload || !signature) return undefined;
  try {
    const { alg, typ = 'none' } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, string>;
    const claims = Object.keys(JSON.parse(Buffer.from(payload, 'base64url').toString()));
    return `JWT ${alg} ${typ} with ${claims.sort().join(' ')}`;
  } catch {
    return undefined;
  }
}

function describeValue(name: string, value: unknown): string {
  if (Array.isArray(value)) return comparedLists.includes(name) ? `list of ${[...value].sort().join(' ')}` : 'list';
  if (typeof value === 'string') return describeJwt(value) ?? (name === 'token_type' ? value : 'text');
  return typeof value === 'boolean' ? String(value) : typeof value;
}

/** `Bearer error realm`: the scheme, the names of its parameters, and the error itself. */
function describeChallenge(text: string): string {
  const [scheme = ''] = text.split(' ', 1);
  const names = [...text.matchAll(/(\w+)="/g)].map(([, name]) => name).sort();
  const error = /error="(\w+)"/.exec(text)?.[1];
  return [scheme, ...names, ...(error === undefined ? [] : [`(${error})`])].join(' ');
}

function observeRedirect(issuer: string, location: string): Observation {
  const url = new URL(location, issuer);
  if (url.origin === issuer) return { to: 'its own pages' };
  const answer = [...url.searchParams, ...new URLSearchParams(url.hash.slice(1))];
  const facts = answer.map(([name, value]) => {
    const shown = name === 'error' || name === 'state' ? value : name === 'iss' && value === issuer ? 'the issuer' : 'text';
    return [name === 'error' ? name : `parameter ${name}`, shown];
  });
  return { to: `${url.origin}${url.pathname}`, ...Object.fromEntries(facts) };
}

function observeBody(type: string, text: string): Observation {
  if (text === '') return { body: 'empty' };
  if (type === 'text/html') {
    const error = Object.keys(errorStatus).find((code) => new RegExp(`\\b${code}\\b`).test(text));
    return error === undefined ? {} : { error };
  }
  if (!/[/+]json$/.test(type)) return { body: 'text' };
  const members = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return Object.fromEntries(
    members.map(([name, value]) => (name === 'error' ? [name, String(value)] : [`member ${name}`, describeValue(name, value)])),
  );
}

export async function observe(issuer: string, response: Response): Promise<Observation> {
  const { status, headers } = response;
  const text = await response.text();
  const cache = headers.get('cache-control')?.replaceAll(' ', '').split(',').sort().join(', ');
  const challenge = headers.get('www-authenticate');
  const common = {
    status: String(status),
    ...(cache !== undefined && { 'cache-control': cache }),
    ...(challenge !== null && { 'www-authenticate': describeChallenge(challenge) }),
  };
  const location = headers.get('location');
  if (location !== null) return { ...common, ...observeRedirect(issuer, location) };
  const type = headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  return { ...common, ...(text !== '' && { 'content-type': type }), ...observeBody(type, text) };
}

export interface Difference {
  readonly differs: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Name of a fact → what we answer, what oidc-provider answers; `–` where one says nothing of the kind. */
export type DifferingFacts = Readonly<Record<string, readonly [ours: string, theirs: string]>>;

export interface AllowedDifference {
  /** With the clause that it rests on. */
  readonly why: string;
  readonly where: readonly { readonly cases: readonly string[]; readonly facts: DifferingFacts }[];
}

/** The facts in which two observations differ, in order; `–` stands for an absent one. */
export function compare(ours: Observation, theirs: Observation): Difference[] {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort();
  return names
    .map((differs) => ({ differs, ours: ours[differs] ?? '–', theirs: theirs[differs] ?? '–' }))
    .filter((difference) => difference.ours !== difference.theirs);
}
