/** Decides what a valid authorization request needs next: a sign-in, a consent, a refusal or its code (OpenID Connect Core §3.1.2.3–3.1.2.6). */
import type { ValidAuthorizationRequest } from './authorization-request.ts';
import { demandedSubject } from './claims-parameter.ts';
import { isPublic } from './client.ts';
import { digest, equalDigests } from './digest.ts';
import type { ErrorCode } from './errors.ts';
import { splitScope } from './scope.ts';
import type { Grant, Session } from './session.ts';

export type InteractionVerdict =
  | { readonly next: 'sign-in' }
  | { readonly next: 'consent' }
  | { readonly next: 'issue'; readonly session: Session }
  | { readonly next: 'refuse'; readonly error: ErrorCode; readonly description: string };

export interface InteractionFacts {
  readonly request: ValidAuthorizationRequest;
  /** Digest of the request, to recognise the sign-in and the consent that answered it. */
  readonly request_hash: Uint8Array;
  readonly session: Session | undefined;
  readonly grant: Grant | undefined;
  /** Subject of a verified id_token_hint. */
  readonly hinted_subject: string | undefined;
  readonly now: Date;
}

/** The digest by which a request is recognised when the browser comes back with it. */
export function hashRequest(canonicalQuery: string): Uint8Array {
  return digest(canonicalQuery);
}

/** A sign-in answers the request that led to it for ten minutes at most. */
const answersForMs = 600_000;

function isMark(mark: Uint8Array | null | undefined, facts: InteractionFacts): boolean {
  return mark !== null && mark !== undefined && equalDigests(mark, facts.request_hash);
}

function answeredBySignIn(facts: InteractionFacts): boolean {
  const { session, now } = facts;
  return isMark(session?.authenticated_for, facts) && now.getTime() - (session?.authenticated_at.getTime() ?? 0) <= answersForMs;
}

function isOtherSubject(facts: InteractionFacts): boolean {
  const wanted = demandedSubject(facts.request.claims) ?? facts.hinted_subject;
  return wanted !== undefined && wanted !== facts.session?.subject;
}

function mustSignIn(facts: InteractionFacts): boolean {
  const { request, session, now } = facts;
  if (!session || session.expires_at <= now) return true;
  if (answeredBySignIn(facts)) return false;
  if (isOtherSubject(facts)) return true;
  if (request.prompt.has('login') || request.prompt.has('select_account')) return true;
  if (request.max_age === undefined) return false;
  // Core §3.1.2.1: max_age=0 is prompt=login.
  return request.max_age === 0 || now.getTime() - session.authenticated_at.getTime() > request.max_age * 1000;
}

/** Whether a stored consent covers the request. */
export function covers(grant: Grant | undefined, request: ValidAuthorizationRequest): boolean {
  if (!grant) return false;
  const scope = splitScope(grant.scope);
  return request.scope.every((value) => scope.includes(value)) && request.resources.every((uri) => grant.resources.includes(uri));
}

/**
 * Whether anybody's program could stand in for the client: one that nobody vouches for, without a secret, on a redirect URI that any
 * program of the device can claim. An earlier consent says nothing about it then (RFC 8252 §8.6).
 */
function isImpersonable({ client, destination }: ValidAuthorizationRequest): boolean {
  return client.dynamic && isPublic(client) && !destination.redirect_uri.startsWith('https:');
}

function mustConsent(facts: InteractionFacts): boolean {
  const { request, session, grant } = facts;
  if (isMark(session?.consented_for, facts) && covers(grant, request)) return false;
  if (request.prompt.has('consent')) return true;
  return !request.client.trusted && (isImpersonable(request) || !covers(grant, request));
}

export function decideInteraction(facts: InteractionFacts): InteractionVerdict {
  const silent = facts.request.prompt.has('none');
  if (mustSignIn(facts)) {
    if (silent) return { next: 'refuse', error: 'login_required', description: 'The end-user must sign in.' };
    return { next: 'sign-in' };
  }
  // Core §3.1.2.2: the client asked for another end-user than the one who signed in.
  if (isOtherSubject(facts)) return { next: 'refuse', error: 'login_required', description: 'Another end-user is signed in.' };
  if (mustConsent(facts)) {
    if (silent) return { next: 'refuse', error: 'consent_required', description: 'The end-user must consent.' };
    return { next: 'consent' };
  }
  return { next: 'issue', session: facts.session as Session };
}
