/** The page that tells a person why a request went no further, in place of a redirect. */
import { html } from './html.ts';
import { renderPage, type Theme } from './layout.ts';

export interface ErrorFace {
  /** OAuth error code. */
  readonly error: string;
  readonly error_description: string;
  /** By which the operator finds the request in the log. */
  readonly request_id: string;
}

export function renderError(theme: Theme, { error, error_description, request_id }: ErrorFace): string {
  return renderPage(theme, {
    title: 'Error',
    heading: 'This did not work',
    main: html`<p class="note danger" id="error-description">${error_description}</p>
<p>Go back to the application and start again. If it happens again, tell its makers the code and the request below.</p>
<dl>
<dt>Code</dt><dd><code id="error-code">${error}</code></dd>
<dt>Request</dt><dd class="copy"><code id="request-id">${request_id}</code></dd>
</dl>`,
  });
}
