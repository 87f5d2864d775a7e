/** The page on which the end-user decides what a client may do. */
import { type Html, html } from './html.ts';
import { renderPage, type Theme } from './layout.ts';
import { httpsUrl, isLoopback, nameElement, plainName } from './untrusted.ts';

type Optional = string | null | undefined;

export interface Consent {
  /** URL, with its query, to which the form posts. */
  readonly action: string;
  readonly csrf_token: string;
  readonly client: {
    readonly client_id: string;
    readonly client_name?: Optional;
    readonly client_uri?: Optional;
    /** Accepted so that a client's metadata can be passed whole, and not shown: see `contentSecurityPolicy`. */
    readonly logo_uri?: Optional;
    readonly policy_uri?: Optional;
    readonly tos_uri?: Optional;
    /** Whether the client registered itself, so that nobody has checked what it says of itself. */
    readonly dynamic: boolean;
  };
  readonly username: string;
  readonly scope: readonly string[];
  readonly resources: readonly string[];
  /** Host and port of the redirect URI, or its scheme with the colon (`com.example.app:`) where it is an app's own. */
  readonly redirect_host: string;
}

const meanings = new Map([
  ['openid', 'Know who you are by an identifier of your account'],
  ['profile', 'See your profile, such as your name and picture'],
  ['email', 'See your e-mail address'],
  ['address', 'See your postal address'],
  ['phone', 'See your phone number'],
  ['offline_access', 'Keep this access while you are away'],
]);

function describeScope(value: string): Html {
  const meaning = meanings.get(value);
  return meaning ? html`<li>${meaning}</li>` : html`<li>Use the permission <code>${plainName(value, 200)}</code></li>`;
}

function link(value: Optional, text: string, withHost = false): Html | undefined {
  const url = httpsUrl(value);
  if (!url) return undefined;
  return html`<a href="${url.href}" target="_blank" rel="noopener noreferrer">${text}${withHost && ` (${url.host})`}<span class="unseen"> (new tab)</span></a>`;
}

function describeDestination(host: string): Html {
  // Whole, however long, for its end says whose it is; broken between labels rather than inside them.
  const labels = host.split(/(?<=\.)/).map((label, index) => html`${index > 0 && html`<wbr>`}${label}`);
  const shown = html`<strong id="redirect-host">${labels}</strong>`;
  if (host.endsWith(':')) return html`Your browser then opens the app ${shown} on this device.`;
  if (isLoopback(host.replace(/:\d+$/, ''))) return html`Your browser then returns to a program on this device, at ${shown}.`;
  return html`Your browser then goes to ${shown}.`;
}

export function renderConsent(theme: Theme, consent: Consent): string {
  const { client, scope, resources } = consent;
  const name = nameElement(plainName(client.client_name ?? '') || client.client_id);
  const links = [
    link(client.client_uri, 'Website', true),
    link(client.policy_uri, 'Privacy policy'),
    link(client.tos_uri, 'Terms of service'),
  ];
  // Nothing is focused at first: an Enter too many on the page before must not give consent.
  return renderPage(theme, {
    title: 'Consent',
    heading: html`${name} asks for access`,
    main: html`<p class="lead">You are signed in as <strong id="consent-username">${nameElement(consent.username)}</strong>.</p>
${
  client.dynamic &&
  html`<p class="note" id="consent-unverified"><strong>Not verified.</strong> This application registered itself and nobody checked its name. Allow it only if you have just started this yourself and expect to go on to the address below.</p>`
}
<h2>If you allow it, it can</h2>
<ul id="consent-scope">${scope.length === 0 ? html`<li>Act for you with no permission in particular</li>` : scope.map(describeScope)}</ul>
${resources.length > 0 && html`<h2>At these services</h2><ul class="plain" id="consent-resources">${resources.map((resource) => html`<li><code>${resource}</code></li>`)}</ul>`}
<form method="post" action="${consent.action}">
<input type="hidden" name="csrf_token" value="${consent.csrf_token}">
<p>${describeDestination(consent.redirect_host)}</p>
<div class="choices">
<button id="consent-allow" type="submit" name="decision" value="allow">Allow</button>
<button class="quiet" id="consent-deny" type="submit" name="decision" value="deny">Deny</button>
</div>
</form>
<dl>
<dt>Client</dt><dd><code>${plainName(client.client_id, 200)}</code></dd>
${links.some(Boolean) && html`<dt>Its own pages</dt><dd class="links">${links}</dd>`}
</dl>`,
  });
}
