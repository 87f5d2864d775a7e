/** Presents a refusal to a person: the error page with code, description and request id. */
import type { Refusal } from '../protocol/errors.ts';
import type { Present } from './endpoint.ts';
import { refusalHeaders } from './errors.ts';
import { renderError } from './pages/error.ts';
import { contentSecurityPolicy, type Theme } from './pages/layout.ts';
import { answerPage } from './response.ts';

export function presentAsPage(theme: Theme): Present {
  return (refusal: Refusal, requestId: string) => {
    const html = renderError(theme, { error: refusal.error, error_description: refusal.description, request_id: requestId });
    const page = answerPage(html, contentSecurityPolicy(theme, { formAction: [] }), refusal.status);
    return { ...page, headers: { ...page.headers, ...refusalHeaders(refusal) } };
  };
}
