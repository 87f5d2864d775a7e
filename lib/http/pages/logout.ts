/** The pages on which the end-user confirms to sign out, and learns that it is done. */
import { html } from './html.ts';
import { renderPage, type Theme } from './layout.ts';
import { nameElement, returnUrl } from './untrusted.ts';

export interface Logout {
  /** URL, with its query, to which the form posts. */
  readonly action: string;
  readonly csrf_token: string;
  readonly username?: string | null | undefined;
  /** The client that asked for it. */
  readonly client_name?: string | null | undefined;
}

export function renderLogout(theme: Theme, { action, csrf_token, username, client_name }: Logout): string {
  return renderPage(theme, {
    title: 'Sign out',
    main: html`${username && html`<p class="lead">You are signed in as <strong>${nameElement(username)}</strong>.</p>`}
<p>${client_name ? html`${nameElement(client_name)} asks to sign you out.` : 'Do you want to sign out?'} To stay signed in, leave this page.</p>
<form method="post" action="${action}">
<input type="hidden" name="csrf_token" value="${csrf_token}">
<button id="logout-confirm" type="submit">Sign out</button>
</form>`,
  });
}

export interface SignedOut {
  readonly client_name?: string | null | undefined;
  /** Where the client wants the end-user back; shown as a link if it is a safe one. */
  readonly continue_url?: string | null | undefined;
}

export function renderSignedOut(theme: Theme, { client_name, continue_url }: SignedOut): string {
  const url = returnUrl(continue_url);
  const target = client_name ? nameElement(client_name) : url?.host || 'the application';
  return renderPage(theme, {
    title: 'Signed out',
    heading: 'You are signed out',
    main: html`<p class="lead">You may close this page now.</p>
${url && html`<p><a id="logout-continue" href="${url.href}" rel="noreferrer">Continue to ${target}</a></p>`}`,
  });
}
