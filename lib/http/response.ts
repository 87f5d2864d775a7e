/** Makes the responses that endpoints give. */

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly body: string;
}

/** JSON that nobody may keep, unless the headers say otherwise (RFC 6749 §5.1). */
export function answerJson(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(value),
  };
}

export function answerPage(html: string, policy: string, status = 200, cookies: readonly string[] = []): HttpResponse {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy,
      // For browsers that do not know frame-ancestors (RFC 9700 §4.16).
      'x-frame-options': 'DENY',
    },
    cookies,
    body: html,
  };
}

/** 303, so that a browser repeats the request as GET and never sends a form with a password on (RFC 9700 §4.12). */
export function answerRedirect(location: string, cookies: readonly string[] = []): HttpResponse {
  return { status: 303, headers: { location, 'cache-control': 'no-store' }, cookies, body: '' };
}

export function answerEmpty(status: number, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { 'cache-control': 'no-store', ...headers }, body: '' };
}
