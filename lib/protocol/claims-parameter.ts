/** Reads the `claims` request parameter (OpenID Connect Core §5.5) and decides which claims may be asked for. */
import { isStorable } from './storable.ts';

export interface ClaimRequest {
  readonly essential?: boolean;
  readonly value?: unknown;
  readonly values?: readonly unknown[];
}

export interface RequestedClaims {
  readonly userinfo?: Readonly<Record<string, ClaimRequest | null>>;
  readonly id_token?: Readonly<Record<string, ClaimRequest | null>>;
}

/** The authentication context that a password sign-in reaches (ISO/IEC 29115 level 1). */
export const passwordAcr = '1';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isClaimRequest(value: unknown): boolean {
  if (value === null) return true;
  if (!isRecord(value)) return false;
  return (
    (value.essential === undefined || typeof value.essential === 'boolean') &&
    (value.values === undefined || Array.isArray(value.values))
  );
}

/** @returns the parsed parameter, or undefined where it is not what OpenID Connect Core §5.5 describes */
export function parseClaims(text: string): RequestedClaims | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed)) return undefined;
  for (const member of ['userinfo', 'id_token'] as const) {
    const requests = parsed[member];
    if (requests === undefined || requests === null) continue;
    if (!isRecord(requests) || !isStorable(requests, 8) || !Object.values(requests).every(isClaimRequest)) return undefined;
  }
  return {
    ...(isRecord(parsed.userinfo) && { userinfo: parsed.userinfo as Record<string, ClaimRequest | null> }),
    ...(isRecord(parsed.id_token) && { id_token: parsed.id_token as Record<string, ClaimRequest | null> }),
  };
}

/** Whether the request demands an authentication context that this server cannot reach (Core §5.5.1.1). */
export function demandsUnknownAcr(claims: RequestedClaims | undefined): boolean {
  const acr = claims?.id_token?.acr;
  if (!acr?.essential) return false;
  const wanted = acr.values ?? (acr.value === undefined ? undefined : [acr.value]);
  return wanted !== undefined && !wanted.includes(passwordAcr);
}

/** The subject that the client insists on, where it names one (Core §5.5.1). */
export function demandedSubject(claims: RequestedClaims | undefined): string | undefined {
  const subject = claims?.id_token?.sub?.value;
  // A value that is no string demands an end-user whom nobody can be: it must not pass for no demand.
  return subject === undefined || typeof subject === 'string' ? subject : JSON.stringify(subject);
}
