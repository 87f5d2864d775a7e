/** Presents a refusal to a program: the JSON error of RFC 6749 §5.2 with its challenge and its Retry-After. */
import type { Refusal } from '../protocol/errors.ts';
import { answerEmpty, answerJson, type HttpResponse } from './response.ts';

/** Headers that go with a refusal, whoever it is shown to. */
export function refusalHeaders(refusal: Refusal): Record<string, string> {
  return {
    ...(refusal.challenge !== undefined && { 'www-authenticate': refusal.challenge }),
    ...(refusal.retry_after !== undefined && { 'retry-after': String(refusal.retry_after) }),
  };
}

export function presentAsJson(refusal: Refusal): HttpResponse {
  if (refusal.silent) return answerEmpty(refusal.status, refusalHeaders(refusal));
  return answerJson({ error: refusal.error, error_description: refusal.description }, refusal.status, refusalHeaders(refusal));
}
