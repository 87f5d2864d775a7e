/** One of each page with ordinary content, and each again with the worst that a client may say of itself. */

import { renderConsent } from '../../lib/http/pages/consent.ts';
import { renderError } from '../../lib/http/pages/error.ts';
import { renderHome } from '../../lib/http/pages/home.ts';
import type { Theme } from '../../lib/http/pages/layout.ts';
import { renderLogin } from '../../lib/http/pages/login.ts';
import { renderLogout, renderSignedOut } from '../../lib/http/pages/logout.ts';
import { routes } from '../../lib/routes.ts';

export const theme: Theme = { name: 'Authorization server', logo_url: '', accent: '#0b57d0', accent_dark: '#a8c7fa' };

const action = '/login?interaction=Zm9v&amp=1';
const csrf_token = 'c3JmLXRva2Vu';

/** Markup, a right-to-left override, a tower of combining marks and 300 characters without a space. */
export const hostileName = `\u202e</title><script>alert(1)</script><img src=x onerror="alert(2)">Z${'\u0335\u0322'.repeat(60)}${'W'.repeat(300)}`;

const client = {
  client_id: '0d7c2b0e-6c1f-4f0e-9a3f-5a4c0f6f2b11',
  client_name: 'Quarterly Reports',
  client_uri: 'https://reports.example.com/',
  policy_uri: 'https://reports.example.com/privacy',
  tos_uri: 'https://reports.example.com/terms',
  dynamic: false,
};

const endpoints = Object.values(routes).map((route) => ({
  method: route.methods.join(', '),
  path: route.paths[0],
  purpose: route.purpose,
}));

export const pages: Readonly<Record<string, string>> = {
  login: renderLogin(theme, { action, csrf_token, client_name: 'Quarterly Reports' }),
  'login-failed': renderLogin(theme, {
    action,
    csrf_token,
    username: 'alice',
    failure: 'The username or the password is not right. Try again.',
  }),
  consent: renderConsent(theme, {
    action,
    csrf_token,
    client,
    username: 'alice',
    scope: ['openid', 'profile', 'email', 'offline_access', 'reports:read'],
    resources: ['https://api.example.com/reports'],
    redirect_host: 'reports.example.com',
  }),
  'consent-dynamic': renderConsent(theme, {
    action,
    csrf_token,
    client: { client_id: client.client_id, client_name: 'Desktop Agent', dynamic: true },
    username: 'alice',
    scope: ['openid', 'offline_access'],
    resources: [],
    redirect_host: '127.0.0.1:43117',
  }),
  'consent-hostile': renderConsent(theme, {
    action,
    csrf_token,
    client: {
      client_id: 'x'.repeat(250),
      client_name: hostileName,
      client_uri: `https://${'a'.repeat(60)}.${'b'.repeat(60)}.example/"><script>`,
      policy_uri: 'javascript:alert(1)',
      tos_uri: 'https://bank.example@evil.example/',
      dynamic: true,
    },
    username: `\u202e${'u'.repeat(200)}`,
    scope: ['<b>bold</b>', 's'.repeat(300)],
    resources: [`https://api.example.com/${'r'.repeat(300)}`],
    redirect_host: `${'login.bank.example.'.repeat(8)}evil.example`,
  }),
  logout: renderLogout(theme, { action: '/logout', csrf_token, username: 'alice', client_name: 'Quarterly Reports' }),
  'logout-hostile': renderLogout(theme, { action: '/logout', csrf_token, username: hostileName, client_name: hostileName }),
  'signed-out': renderSignedOut(theme, { client_name: 'Quarterly Reports', continue_url: 'https://reports.example.com/bye' }),
  error: renderError(theme, {
    error: 'invalid_request',
    error_description: 'The redirect_uri is not one of those registered for this client.',
    request_id: '7f9d1c52-1d0f-4c44-8f6c-0f5a2b9f3a77',
  }),
  home: renderHome(theme, { issuer: 'http://127.0.0.1:8080', endpoints, release: '0.1.0' }),
};
