/** A whole sign-in in a real browser, from the client's link to the code and out again: without scripts by keyboard, and with them on a narrow screen. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, before, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { launchBrowser } from '../support/browser.ts';
import { authorizeUrl, makePkce, type Pkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let browser: Browser;
let server: TestServer;
/** The client: a program on the end-user's own machine. */
let loopback: Server;
let client: TestClient;

before(async () => {
  loopback = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<link rel="icon" href="data:,"><title>Client</title>');
  });
  await new Promise<void>((resolve) => loopback.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(loopback.address() as AddressInfo).port}`;
  server = await startServer();
  client = await makeTestClient(server, {
    client_name: 'Desk calendar',
    token_endpoint_auth_method: 'none',
    // Registered without a port, as a program does that takes any free one (RFC 8252 §7.3).
    redirect_uris: ['http://127.0.0.1/callback'],
    post_logout_redirect_uris: [`${origin}/bye`],
    trusted: false,
  });
  client = { ...client, redirect_uris: [`${origin}/callback`] };
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  loopback?.closeAllConnections();
  loopback?.close();
});

/** Keeps a picture where somebody wants to look: SCREENSHOT_DIR names the folder. */
async function picture(page: Page, name: string): Promise<void> {
  if (env.SCREENSHOT_DIR) await page.screenshot({ path: join(env.SCREENSHOT_DIR, `${name}.png`), fullPage: true });
}

interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly user: TestUser;
  readonly pkce: Pkce;
}

/** A browser of one's own that opens the client's link; whatever a page complains of fails the test. */
async function visit(options: Parameters<Browser['newContext']>[0], act: (visit: Visit) => Promise<void>): Promise<void> {
  const user = await makeTestUser(server);
  const pkce = makePkce();
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(server.url(authorizeUrl(client, pkce, { scope: 'openid profile read' })));
    await act({ page, context, user, pkce });
    // Chromium notes by itself that a page came with an error status, as those of a wrong password and of a refusal do.
    assert.deepEqual(
      complaints.filter((text) => !/status of 40[01]/.test(text)),
      [],
    );
  } finally {
    await context.close();
  }
}

async function cookieOf(context: BrowserContext, name: string) {
  return (await context.cookies(server.issuer)).find((cookie) => cookie.name === name);
}

/** Every cookie is host-bound, closed to scripts, and sent along with the client's link (RFC 9700 §4.7). */
async function assertGuarded(context: BrowserContext, names: readonly string[]): Promise<void> {
  const cookies = await context.cookies();
  assert.deepEqual(cookies.map(({ name }) => name).sort(), [...names].sort());
  for (const cookie of cookies) {
    const { domain, path, httpOnly, sameSite, secure } = cookie;
    assert.deepEqual(
      { domain, path, httpOnly, sameSite, secure },
      // Over http, which is for loopback alone, a Secure cookie would never come back.
      { domain: '127.0.0.1', path: '/', httpOnly: true, sameSite: 'Lax', secure: false },
    );
  }
}

/** The client got its code by the redirect; it buys tokens for the user who signed in. */
async function assertCodeBuysTokens({ page, user, pkce }: Visit): Promise<string> {
  await page.waitForURL(/\/callback\?/);
  assert.equal(await page.title(), 'Client');
  const answer = new URL(page.url()).searchParams;
  assert.deepEqual([...answer.keys()].sort(), ['code', 'iss', 'state']);
  assert.deepEqual([answer.get('iss'), answer.get('state')], [server.issuer, 'xyz']);
  const form = {
    grant_type: 'authorization_code',
    code: answer.get('code') ?? '',
    code_verifier: pkce.verifier,
    redirect_uri: client.redirect_uris[0] ?? '',
  };
  const { status, body } = await postForm(server, '/oauth/token', form, client);
  assert.deepEqual([status, body.token_type, body.scope], [200, 'Bearer', 'openid profile read']);
  const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string };
  assert.equal(claims.sub, user.subject);
  return body.id_token;
}

const focused = (page: Page) => page.locator(':focus').getAttribute('id');

/** Presses Tab until the element has the focus, as one does who uses no pointer. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    if ((await page.locator(':focus').count()) > 0 && (await focused(page)) === id) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${id} cannot be reached with the Tab key`);
}

test('without scripts and by keyboard alone: a wrong password, the right one, consent, a code, signing out', async () => {
  await visit({ javaScriptEnabled: false }, async (each) => {
    const { page, context, user } = each;
    assert.equal(await page.title(), 'Sign in');
    assert.match((await page.textContent('main')) ?? '', /to continue to Desk calendar/);
    await assertGuarded(context, ['csrf']);
    await picture(page, '1-sign-in');

    assert.equal(await focused(page), 'username');
    await page.keyboard.type(user.username);
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'password');
    await page.keyboard.type('not the password');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#login-failure');
    assert.equal(await page.title(), 'Sign in');
    assert.equal(await page.textContent('#login-failure'), 'The username or the password is wrong.');
    assert.equal(await page.inputValue('#username'), user.username);
    assert.equal(await page.inputValue('#password'), '');
    assert.equal(await cookieOf(context, 'session'), undefined);
    await picture(page, '2-wrong-password');

    assert.equal(await focused(page), 'password');
    await page.keyboard.type(user.password);
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'login-submit');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#consent-allow');
    assert.equal(await page.title(), 'Consent');
    assert.equal(await page.textContent('#consent-username'), user.username);
    assert.equal(await page.textContent('#redirect-host'), new URL(client.redirect_uris[0] ?? '').host);
    assert.equal(await page.locator('#consent-scope li').count(), 3);
    await assertGuarded(context, ['csrf', 'device', 'session']);
    await picture(page, '3-consent');

    await tabTo(page, 'consent-deny');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(page), 'consent-allow');
    await page.keyboard.press('Space');
    await assertCodeBuysTokens(each);

    await page.goto(server.url(`/logout?${new URLSearchParams({ client_id: client.client_id })}`));
    assert.equal(await page.title(), 'Sign out');
    await picture(page, '4-sign-out');
    await tabTo(page, 'logout-confirm');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=You are signed out');
    assert.equal(await page.title(), 'Signed out');
    await assertGuarded(context, ['device']);
    await picture(page, '5-signed-out');
  });
});

test('with scripts at 320 px: every page of the sign-in fits, the session id is new, and the client gets its code', async () => {
  await visit({ viewport: { width: 320, height: 568 }, colorScheme: 'dark' }, async (each) => {
    const { page, context, user } = each;
    const fits = async () => assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320);
    // A cookie that somebody else planted is not the session after the sign-in (session fixation).
    await context.addCookies([{ name: 'session', value: 'planted', url: server.issuer, httpOnly: true, sameSite: 'Lax' }]);
    await fits();
    await picture(page, '6-narrow-sign-in');
    await page.fill('#username', user.username);
    await page.fill('#password', 'not the password');
    await page.click('#login-submit');
    await page.waitForSelector('#login-failure');
    await fits();
    await page.fill('#password', user.password);
    await page.click('#login-submit');
    await page.waitForSelector('#consent-allow');
    assert.equal(await page.title(), 'Consent');
    await fits();
    await picture(page, '7-narrow-consent');
    const session = (await cookieOf(context, 'session'))?.value ?? '';
    assert.match(session, /^[\w-]{43}$/);
    assert.equal(await page.evaluate('document.cookie'), '');
    await page.click('#consent-allow');
    const idToken = await assertCodeBuysTokens(each);

    await page.goto(server.url('/logout'));
    assert.equal(await page.title(), 'Sign out');
    await fits();
    await picture(page, '8-narrow-sign-out');
    const request = { id_token_hint: idToken, post_logout_redirect_uri: client.post_logout_redirect_uris[0] ?? '', state: 'bye' };
    await page.goto(server.url(`/logout?${new URLSearchParams(request)}`));
    assert.equal(page.url(), `${request.post_logout_redirect_uri}?state=bye`);
    await assertGuarded(context, ['device']);
  });
});

test('denying the consent brings the browser back to the client with access_denied', async () => {
  await visit({ javaScriptEnabled: false }, async ({ page, user }) => {
    await page.fill('#username', user.username);
    await page.fill('#password', user.password);
    await page.click('#login-submit');
    await page.click('#consent-deny');
    await page.waitForURL(/\/callback\?/);
    const answer = new URL(page.url()).searchParams;
    assert.deepEqual(
      [answer.get('error'), answer.get('state'), answer.get('iss'), answer.get('code')],
      ['access_denied', 'xyz', server.issuer, null],
    );
  });
});

test('a client that is unknown gets no redirect: the error page shows the code, the description and a request id', async () => {
  await visit({ javaScriptEnabled: false }, async ({ page }) => {
    const { searchParams } = new URL(page.url());
    const response = await page.goto(
      server.url(`/oauth/authorize?${new URLSearchParams({ ...Object.fromEntries(searchParams), client_id: 'nobody' })}`),
    );
    assert.deepEqual([response?.status(), await page.title()], [400, 'Error']);
    assert.match(
      (await page.textContent('main')) ?? '',
      /not known here[\s\S]+Code\s*invalid_request[\s\S]+Request\s*[\da-f-]{36}/,
    );
    await picture(page, '9-error');
  });
});
