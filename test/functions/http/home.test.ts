/** The page at the issuer's address names what the server offers, and nothing that is off. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Route, routes } from '../../../lib/routes.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'off', OAUTH2_RELEASE: 'r-42', OAUTH2_THEME_NAME: 'House of tests' });
});
after(() => server.stop());

test('the home page names issuer, release, every endpoint that is on, and links the discovery document', async () => {
  const response = await fetch(server.url('/'));
  assert.equal(response.status, 200);
  const text = await response.text();
  assert.match(text, /<title>House of tests<\/title>/);
  assert.ok(text.includes(`<code id="issuer">${server.issuer}</code>`));
  assert.ok(text.includes('<code id="release">r-42</code>'));
  assert.ok(text.includes(`href="${server.issuer}/.well-known/openid-configuration"`));
  for (const { paths, metadata } of Object.values<Route>(routes))
    for (const path of paths) assert.equal(text.includes(` ${path}</code>`), metadata !== 'registration_endpoint', path);
});

test('the home page has no form, and says so in its policy', async () => {
  const response = await fetch(server.url('/'));
  assert.match(response.headers.get('content-security-policy') ?? '', /form-action 'none'/);
  assert.equal((await response.text()).includes('<form'), false);
});
