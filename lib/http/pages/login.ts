/** The page on which the end-user signs in. */
import { html } from './html.ts';
import { renderPage, type Theme } from './layout.ts';
import { nameElement } from './untrusted.ts';

export interface Login {
  /** URL, with its query, to which the form posts. */
  readonly action: string;
  readonly csrf_token: string;
  readonly client_name?: string | null | undefined;
  /** What was typed before, or what the client hinted. */
  readonly username?: string | null | undefined;
  /** Why the last attempt did not work, as a sentence. */
  readonly failure?: string | undefined;
}

export function renderLogin(theme: Theme, { action, csrf_token, client_name, username, failure }: Login): string {
  const described = failure ? html` aria-describedby="login-failure"` : '';
  const [atUsername, atPassword] = username ? ['', html` autofocus`] : [html` autofocus`, ''];
  return renderPage(theme, {
    title: 'Sign in',
    main: html`${client_name && html`<p class="lead">to continue to <strong>${nameElement(client_name)}</strong></p>`}
${failure && html`<p class="note danger" role="alert" id="login-failure">${failure}</p>`}
<form method="post" action="${action}">
<input type="hidden" name="csrf_token" value="${csrf_token}">
<label for="username">Username</label>
<input id="username" name="username" type="text" value="${username}" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" required${described}${atUsername}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${described}${atPassword}>
<button class="submit" id="login-submit" type="submit">Sign in</button>
</form>`,
  });
}
