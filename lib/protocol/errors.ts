/** The errors of the protocol: what the client is told, what the operator's log adds, and which of them may travel by redirect. */

/** Every error code this server answers, with its HTTP status. Sources: RFC 6749 §4.1.2.1 and §5.2, 6750 §3.1, 7009 §2.2.1, 7591 §3.2.2, 8707 §2, OpenID Connect Core §3.1.2.6. */
export const errorStatus = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  unsupported_token_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  access_denied: 403,
  login_required: 400,
  consent_required: 400,
  interaction_required: 400,
  unmet_authentication_requirements: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
  registration_not_supported: 400,
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  server_error: 500,
  temporarily_unavailable: 503,
} as const;

export type ErrorCode = keyof typeof errorStatus;

export interface RefusalOptions {
  /** For the operator's log alone: never on the wire. */
  readonly detail?: string;
  /** Where the status is not the usual one of the code. */
  readonly status?: number;
  /** The `WWW-Authenticate` header (RFC 9110 §11.6.1). */
  readonly challenge?: string;
  /** Seconds after which a retry makes sense. */
  readonly retry_after?: number;
  /** Without a body (RFC 6750 §3: no error code where no credentials were sent). */
  readonly silent?: boolean;
}

/** A refusal that is answered to whoever sent the request: as JSON or as a page, never by redirect. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly error: ErrorCode;
  readonly description: string;
  readonly status: number;
  readonly detail: string | undefined;
  readonly challenge: string | undefined;
  readonly retry_after: number | undefined;
  readonly silent: boolean;

  constructor(error: ErrorCode, description: string, options: RefusalOptions = {}) {
    super(`${error}: ${description}`);
    this.error = error;
    this.description = toErrorText(description);
    this.status = options.status ?? errorStatus[error];
    this.detail = options.detail;
    this.challenge = options.challenge;
    this.retry_after = options.retry_after;
    this.silent = options.silent ?? false;
  }
}

/** Something the server depends on cannot answer now: the client may retry; `detail` is for the log. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  readonly detail: string;
  /** Seconds, where it is known to take longer than a moment. */
  readonly retry_after: number | undefined;
  constructor(message: string, detail: string, retryAfter?: number) {
    super(message);
    this.detail = detail;
    this.retry_after = retryAfter;
  }
}

/** A place that was proven to belong to the client: only `proveDestination` makes one. */
export interface Destination {
  readonly client_id: string;
  readonly redirect_uri: string;
  /** Whether the request named it, or the client's only one was taken. */
  readonly given: boolean;
  readonly state: string | undefined;
  readonly proven: typeof proven;
}
const proven: unique symbol = Symbol('proven');

/** Marks a redirect URI as matched against the client's registration. For `redirect-uri.ts` alone. */
export function markProven(destination: Omit<Destination, 'proven'>): Destination {
  return { ...destination, proven };
}

/** A refusal that goes back to the client by redirect; it cannot be made without a proven destination. */
export interface RedirectRefusal {
  readonly destination: Destination;
  readonly error: ErrorCode;
  readonly description: string;
  readonly detail?: string | undefined;
}

/** Narrows text to the characters allowed in `error_description`: %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2). */
export function toErrorText(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
    .slice(0, 400);
}
