/** Asserts what a browser is shown or where it is sent: an error page, the sign-in page, a redirect to the client. */
import assert from 'node:assert/strict';
import type { TestServer } from './server.ts';
import type { Page } from './user-agent.ts';

/** An error page with the code, and no way to anywhere. */
export function assertErrorPage(page: Page, code = 'invalid_request', status = 400): void {
  assert.equal(page.location, undefined, `a redirect to ${page.location}`);
  assert.equal(page.status, status);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(page.text, /<title>Error<\/title>/);
  assert.equal(/id="error-code">([^<]*)</.exec(page.text)?.[1], code);
}

/** A page in a word, for a failed assertion. */
function describe(page: Page): string {
  return `${page.status} ${titleOf(page)} ${/id="(?:error-description|login-failure)"[^>]*>([^<]*)</.exec(page.text)?.[1] ?? ''}`;
}

/** The redirect to the client at a redirect URI: its parameters. */
export function readRedirect(page: Page, redirectUri = 'https://client.example/cb'): URLSearchParams {
  assert.equal(page.status, 303, describe(page));
  const location = page.location ?? '';
  assert.ok(location.startsWith(redirectUri), `not ${redirectUri} but ${location}`);
  assert.ok(['?', '&'].includes(location[redirectUri.length] ?? ''), location);
  return new URL(location).searchParams;
}

/** A redirect to the client that carries the error, and neither a code nor another issuer than this one. */
export function assertRedirectError(
  server: TestServer,
  page: Page,
  error: string,
  redirectUri = 'https://client.example/cb',
): URLSearchParams {
  const parameters = readRedirect(page, redirectUri);
  assert.equal(parameters.get('error'), error, parameters.toString());
  assert.equal(parameters.has('code'), false);
  assert.deepEqual(parameters.getAll('iss'), [server.issuer]);
  return parameters;
}

/** A redirect to a page of this server. */
export function assertSentTo(server: TestServer, page: Page, path: '/login' | '/consent'): void {
  assert.equal(page.status, 303, describe(page));
  assert.ok(page.location?.startsWith(`${server.issuer}${path}?`), page.location);
}

/** The title of a page. */
export function titleOf(page: Page): string | undefined {
  return /<title>([^<]*)<\/title>/.exec(page.text)?.[1];
}
