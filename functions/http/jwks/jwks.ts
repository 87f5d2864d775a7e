/** Serves the JWKS (RFC 7517 §5): whoever fetches it anew sees what was withdrawn a second ago. */
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { Unavailable } from '../../../lib/protocol/errors.ts';
import type { Database } from '../../../lib/store/database.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';

const freshForMs = 1000;
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
    answer = answerJson({ keys: published.map(({ public_jwk }) => public_jwk) }, 200, {
      // A verifier asks again after minutes, or for a key that it does not know; what stands in between keeps nothing from it.
      'cache-control': 'public, max-age=300, s-maxage=1',
    });
    return answer;
  };

  return async () => {
    if (answer && clock() - loadedAt <= freshForMs) return answer;
    return load().catch((cause: unknown) => {
      // Keys of a moment ago still verify: resource servers need not notice that the store is away.
      if (!(cause instanceof Unavailable) || !answer) throw cause;
      loadedAt = clock() - freshForMs + pauseMs;
      return answer;
    });
  };
}
