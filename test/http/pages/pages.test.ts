/** Each page keeps the hooks that people and programs rely on, and its structure whatever it is told to show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderConsent } from '../../../lib/http/pages/consent.ts';
import { renderError } from '../../../lib/http/pages/error.ts';
import { renderHome } from '../../../lib/http/pages/home.ts';
import { renderLogin } from '../../../lib/http/pages/login.ts';
import { renderLogout, renderSignedOut } from '../../../lib/http/pages/logout.ts';
import { hostileName, pages, theme } from '../../support/pages.ts';

function page(name: string): string {
  return pages[name] ?? assert.fail(`no page ${name}`);
}

/** The opening tag of the element with this id. */
function element(name: string, id: string): string {
  const found = page(name).match(new RegExp(`<[^<>]*\\sid="${id}"[^<>]*>`, 'g')) ?? [];
  assert.equal(found.length, 1, `${name}: ${found.length} elements with id ${id}`);
  return found[0];
}

/** Names of the tags and of their attributes, in order. A line-breaking hint is no structure. */
function skeleton(document: string): string[] {
  const tags = document.match(/<\/?[a-z!](?:"[^"]*"|[^">])*>/gi) ?? [];
  const reduced = tags.map((tag) => tag.replace(/="[^"]*"/g, '')).filter((tag) => tag !== '<wbr>');
  assert.ok(reduced.length > 10);
  return reduced;
}

const nasty = fc.constantFrom(
  '<',
  '>',
  '"',
  "'",
  '&',
  '`',
  '=',
  '/',
  ' ',
  '\n',
  '\0',
  '<!--',
  '</title>',
  '<script>',
  'onload=',
  '&lt;',
  '\u202e',
  'é',
);
const anything = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.array(nasty, { maxLength: 30 }).map((parts) => parts.join('')),
  )
  .map((text) => `x${text}`);

type Fields = (value: string) => string;
const renderings: Record<string, Fields> = {
  login: (x) => renderLogin(theme, { action: x, csrf_token: x, client_name: x, username: x, failure: x }),
  consent: (x) =>
    renderConsent(theme, {
      action: x,
      csrf_token: x,
      client: { client_id: x, client_name: x, logo_uri: x, dynamic: true },
      username: x,
      scope: [x, x],
      resources: [x],
      redirect_host: x,
    }),
  logout: (x) => renderLogout(theme, { action: x, csrf_token: x, username: x, client_name: x }),
  'signed-out': (x) => renderSignedOut(theme, { client_name: x, continue_url: 'https://a.example/' }),
  error: (x) => renderError(theme, { error: x, error_description: x, request_id: x }),
  home: (x) => renderHome(theme, { issuer: x, endpoints: [{ method: x, path: x, purpose: x }], release: x }),
  theme: (x) => renderError({ ...theme, name: x, logo_url: '' }, { error: 'x', error_description: 'x', request_id: 'x' }),
};

for (const [name, render] of Object.entries(renderings)) {
  test(`${name}: no value of any field yields a tag or an attribute that was not there`, () => {
    const expected = skeleton(render('x'));
    fc.assert(fc.property(anything, (value) => assert.deepEqual(skeleton(render(value)), expected)));
  });
}

test('consent: whatever URLs a client gives, it links to https only and keeps the new page apart', () => {
  const url = fc.oneof(
    fc.webUrl(),
    anything,
    anything.map((text) => `https://a.example/${text}`),
    anything.map((text) => `javascript:${text}`),
  );
  fc.assert(
    fc.property(url, url, url, (client_uri, policy_uri, tos_uri) => {
      const client = { client_id: 'c', client_uri, policy_uri, tos_uri, dynamic: true };
      const rest = { action: '/', csrf_token: 't', username: 'u', scope: [], resources: [], redirect_host: 'h' };
      for (const tag of skeletonLinks(renderConsent(theme, { ...rest, client }))) {
        assert.match(tag, /^<a href="https:\/\/[^"<>]+" target="_blank" rel="noopener noreferrer">$/);
      }
    }),
  );
});

function skeletonLinks(document: string): string[] {
  return document.match(/<a (?:"[^"]*"|[^">])*>/g) ?? [];
}

test('the titles are the ones that programs look for', () => {
  const titles = { login: 'Sign in', consent: 'Consent', logout: 'Sign out', error: 'Error', 'signed-out': 'Signed out' };
  for (const [name, title] of Object.entries(titles)) assert.ok(page(name).includes(`<title>${title}</title>`), name);
});

test('sign-in: the fields bear their names, labels and the hints that password managers read', () => {
  assert.match(element('login', 'username'), / name="username" type="text" .*autocomplete="username"/);
  assert.match(element('login', 'password'), / name="password" type="password" autocomplete="current-password"/);
  assert.match(page('login'), /<label for="username">.*<label for="password">/s);
  assert.match(element('login', 'login-submit'), /<button .*type="submit"/);
});

test('sign-in: the form posts to where it is told, with the anti-forgery value', () => {
  assert.ok(page('login').includes('<form method="post" action="/login?interaction=Zm9v&amp;amp=1">'));
  assert.ok(page('login').includes('<input type="hidden" name="csrf_token" value="c3JmLXRva2Vu">'));
});

test('sign-in: the first empty field has the focus', () => {
  assert.match(element('login', 'username'), / autofocus/);
  assert.doesNotMatch(element('login', 'password'), / autofocus/);
  assert.doesNotMatch(element('login-failed', 'username'), / autofocus/);
  assert.match(element('login-failed', 'password'), / autofocus/);
});

test('sign-in: a failure is an alert that describes both fields, and the password is not sent back', () => {
  assert.match(element('login-failed', 'login-failure'), / role="alert"/);
  for (const id of ['username', 'password']) assert.match(element('login-failed', id), / aria-describedby="login-failure"/);
  assert.match(element('login-failed', 'username'), / value="alice"/);
  assert.doesNotMatch(element('login-failed', 'password'), / value=/);
  assert.doesNotMatch(page('login'), /role="alert"|aria-describedby/);
});

test('consent: both answers are submit buttons named decision, and none has the focus', () => {
  assert.match(element('consent', 'consent-allow'), /<button .*type="submit" name="decision" value="allow"/);
  assert.match(element('consent', 'consent-deny'), /<button .*type="submit" name="decision" value="deny"/);
  assert.doesNotMatch(page('consent'), /autofocus/);
});

test('consent: it says who asks, as whom, for what, at which services and where the browser goes next', () => {
  const text = page('consent').replace(/<wbr>/g, '');
  assert.match(text, /<h1><bdi>Quarterly Reports<\/bdi> asks for access<\/h1>/);
  assert.match(text, /<strong id="consent-username"><bdi>alice<\/bdi><\/strong>/);
  assert.match(text, /e-mail address.*Keep this access while you are away.*<code>reports:read<\/code>/s);
  assert.match(text, /id="consent-resources">.*https:\/\/api\.example\.com\/reports/);
  assert.match(text, /Your browser then goes to <strong id="redirect-host">reports\.example\.com<\/strong>/);
});

test('consent: a client that registered itself is marked, others are not', () => {
  element('consent-dynamic', 'consent-unverified');
  assert.doesNotMatch(page('consent'), /consent-unverified/);
});

test('consent: a client without a usable name goes by its identifier', () => {
  for (const client_name of [undefined, null, '', '\u202e\u200b']) {
    const client = { client_id: 'abc-123', client_name, dynamic: false };
    const rest = { action: '/', csrf_token: 't', username: 'u', scope: [], resources: [], redirect_host: 'h' };
    assert.match(renderConsent(theme, { ...rest, client }), /<h1><bdi>abc-123<\/bdi>/);
  }
});

test('RFC 8252 §7: a redirect to this device or to an app is called that, and a long host is shown to its end', () => {
  assert.match(
    page('consent-dynamic').replaceAll('<wbr>', ''),
    /a program on this device, at <strong id="redirect-host">127\.0\.0\.1:43117</,
  );
  assert.match(page('consent-hostile').replaceAll('<wbr>', ''), /bank\.example\.evil\.example<\/strong>/);
  const client = { client_id: 'c', dynamic: true };
  const rest = { action: '/', csrf_token: 't', username: 'u', scope: [], resources: [], client };
  assert.match(renderConsent(theme, { ...rest, redirect_host: 'com.example.app:' }), /opens the app <strong/);
  assert.match(renderConsent(theme, { ...rest, redirect_host: '[::1]:5000' }), /a program on this device/);
  assert.match(renderConsent(theme, { ...rest, redirect_host: 'localhost.evil.example' }), /Your browser then goes to/);
});

test('sign-out: one button confirms', () => {
  assert.match(element('logout', 'logout-confirm'), /<button .*type="submit"/);
  assert.ok(page('logout').includes('name="csrf_token" value="c3JmLXRva2Vu"'));
});

test('signed out: there is a way on only to a safe address', () => {
  assert.match(element('signed-out', 'logout-continue'), /href="https:\/\/reports\.example\.com\/bye" rel="noreferrer"/);
  assert.doesNotMatch(renderSignedOut(theme, { continue_url: 'javascript:alert(1)' }), /<a /);
  assert.doesNotMatch(renderSignedOut(theme, {}), /<a /);
});

test('error: code, description and request stand in elements of their own', () => {
  const texts = Object.fromEntries(Array.from(page('error').matchAll(/id="([\w-]+)">([^<]*)</g), ([, id, text]) => [id, text]));
  assert.deepEqual(texts, {
    'error-description': 'The redirect_uri is not one of those registered for this client.',
    'error-code': 'invalid_request',
    'request-id': '7f9d1c52-1d0f-4c44-8f6c-0f5a2b9f3a77',
  });
});

test('a hostile name is cut, escaped and isolated wherever it is shown', () => {
  for (const name of ['consent-hostile', 'logout-hostile']) {
    assert.ok(!page(name).includes(hostileName));
    assert.ok(!page(name).includes('\u202e'));
    assert.match(page(name), /<bdi>&lt;\/title&gt;[^<]{1,120}…<\/bdi>/);
  }
});
