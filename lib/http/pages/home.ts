/** The page at the issuer's address: what this is and where to go on. */
import { html } from './html.ts';
import { renderPage, type Theme } from './layout.ts';

export interface Home {
  readonly issuer: string;
  readonly endpoints: readonly {
    /** One method, or several with commas. */
    readonly method: string;
    readonly path: string;
    readonly purpose: string;
  }[];
  readonly release: string;
}

export function renderHome(theme: Theme, { issuer, endpoints, release }: Home): string {
  const base = issuer.replace(/\/$/, '');
  return renderPage(theme, {
    title: theme.name,
    wide: true,
    main: html`<p class="lead">An OAuth 2.1 and OpenID Connect authorization server. Applications send their users here to sign in, and get tokens for them.</p>
<p class="links">
<a href="${base}/.well-known/openid-configuration">Discovery document</a>
<a href="${base}/health">Health</a>
</p>
<dl class="facts">
<div><dt>Issuer</dt><dd class="copy"><code id="issuer">${issuer}</code></dd></div>
<div><dt>Release</dt><dd><code id="release">${release}</code></dd></div>
</dl>
<h2>Endpoints</h2>
<dl class="endpoints">${endpoints.map(
      ({ method, path, purpose }) => html`
<div><dt><code>${method} ${path}</code></dt><dd>${purpose}</dd></div>`,
    )}
</dl>`,
  });
}
