/** Frames every page the same way and states which content a browser may load with it. */
import { createHash } from 'node:crypto';
import { accentColours, dark, light } from './colours.ts';
import { type Html, html, styleElement } from './html.ts';
import { properties, stylesheet } from './stylesheet.ts';

/** How a deployment looks. */
export interface Theme {
  readonly name: string;
  /** https URL of a picture, or `''`. */
  readonly logo_url: string;
  /** `#rrggbb` on a light background. */
  readonly accent: string;
  /** `#rrggbb` on a dark background. */
  readonly accent_dark: string;
}

export interface Page {
  readonly title: string;
  /** The page's only h1; the title where it is absent. */
  readonly heading?: Html | string;
  readonly main: Html;
  /** For pages that are read rather than filled in. */
  readonly wide?: boolean;
}

function accentSheet(theme: Theme): string {
  const inDark = properties(accentColours(theme.accent_dark, dark));
  return `:root{${properties(accentColours(theme.accent, light))}}@media (prefers-color-scheme:dark){:root{${inDark}}}`;
}

/** The whole document. */
export function renderPage(theme: Theme, { title, heading = title, main, wide = false }: Page): string {
  const initial = Array.from(theme.name.trim())[0] ?? '';
  const mark = URL.canParse(theme.logo_url)
    ? // The name stands beside it, so to a screen reader the picture has nothing to add.
      html`<img src="${theme.logo_url}" alt="" referrerpolicy="no-referrer">`
    : html`<span class="mark" aria-hidden="true">${initial.toUpperCase()}</span>`;
  const width = wide && html` class="wide"`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
${styleElement(stylesheet)}${styleElement(accentSheet(theme))}
</head>
<body>
<header${width}>${mark}<span>${theme.name}</span></header>
<main${width}>
<h1>${heading}</h1>
${main}
</main>
</body>
</html>
`.toString();
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const stylesheetHash = hashSource(stylesheet);

/**
 * Value of the `Content-Security-Policy` header for a page of this theme.
 *
 * `formAction` decides about the `form-action` directive: a list of sources beside `'self'`, an empty list for a page without a
 * form (`'none'`), absent for no directive. Leave it out for sign-in, consent and sign-out. Chromium applies the directive to
 * every redirect that follows the post, so it would have to name the client's redirect URI and, worse, wherever the client's
 * own callback redirects to, which nobody here can know; `[::1]` cannot be written as a source at all. A list wide enough to
 * let every client through (`https: http:`) would stop nobody. What the directive is for, a form smuggled into the page, is
 * prevented where the page is built: nothing gets in unescaped.
 */
export function contentSecurityPolicy(theme: Theme, options: { readonly formAction?: readonly string[] } = {}): string {
  const logo = URL.parse(theme.logo_url);
  const { formAction } = options;
  return [
    "default-src 'none'",
    `style-src ${stylesheetHash} ${hashSource(accentSheet(theme))}`,
    // Only the deployment's own logo. A client's logo would tell the client's host who is about to sign in, and let an unknown
    // client dress up as somebody else.
    logo && `img-src ${logo.origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    formAction && `form-action ${formAction.length === 0 ? "'none'" : ["'self'", ...formAction].join(' ')}`,
  ]
    .filter(Boolean)
    .join('; ');
}
