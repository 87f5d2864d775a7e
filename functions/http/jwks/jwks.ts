/** Serves the JWKS (RFC 7517 §5): keys are published one rotation ahead, so a minute's age harms nobody. */
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { Unavailable } from '../../../lib/protocol/errors.ts';
import type { Database } from '../../../lib/store/database.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';

const freshForMs = 60_000;
/** While the store is away it is asked no more often than this. */
const pauseMs = 5_000;

/** @param clock milliseconds */
export function createJwksServer(db: Database, clock: () => number): () => Promise<HttpResponse> {
  let answer: HttpResponse | undefined;
  let loadedAt = Number.NEGATIVE_INFINITY;

  const load = async (): Promise<HttpResponse> => {
    const published = await listPublishedKeys(db);
    // An empty set would make every verifier refuse every token.
    if (published.length === 0) throw new Unavailable('There are no keys.', 'signing_keys has no published key');
    loadedAt = clock();
    answer = answerJson({ keys: published.map(({ public_jwk }) => public_jwk) }, 200, { 'cache-control': 'public, max-age=300' });
    return answer;
  };

  return async () => {
    if (answer && clock() - loadedAt <= freshForMs) return answer;
    return load().catch((cause: unknown) => {
      // Keys of a minute ago still verify: resource servers need not notice that the store is away.
      if (!(cause instanceof Unavailable) || !answer) throw cause;
      loadedAt = clock() - freshForMs + pauseMs;
      return answer;
    });
  };
}
