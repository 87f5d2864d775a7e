/** Sends a logout token to a client by one POST that cannot be led to an address of the inside (Back-Channel Logout §2.5). */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { checkReach, type Reach } from '../protocol/logout-uri.ts';

/** From the name's resolution to the status line, in milliseconds. */
const longestMs = 5000;

export interface PostOptions {
  readonly issuer: string;
  /** Every address of a host. */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
  readonly longest_ms?: number;
}

const resolveAll = (hostname: string) => lookup(hostname, { all: true });

/** Resolves for the connection itself: a name that leads elsewhere a moment later is not asked again (DNS rebinding). */
function guardedLookup(reach: Reach, resolve: NonNullable<PostOptions['resolve']>): LookupFunction {
  return (hostname: string, options: LookupOptions, answer) => {
    const finish = (addresses: readonly LookupAddress[]) => {
      const [first] = addresses;
      // One address of the inside among others is a trap as well.
      if (!first || !addresses.every(({ address }) => reach.allows(address)))
        return answer(new Error('the host resolves to an address that may not be reached'), '', 0);
      if (options.all) return answer(null, [...addresses]);
      return answer(null, first.address, first.family);
    };
    resolve(hostname).then(finish, () => answer(new Error('the host does not resolve'), '', 0));
  };
}

/** @returns why it was not delivered, without the token; undefined where the client answered 200 or 204 */
export async function postLogoutToken(uri: string, token: string, options: PostOptions): Promise<string | undefined> {
  const reach = checkReach(uri, options.issuer);
  if ('refused' in reach) return reach.refused;
  if (reach.literal !== undefined && !reach.allows(reach.literal)) return 'the URI names an address that may not be reached';
  const body = new URLSearchParams({ logout_token: token }).toString();
  const send = uri.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((settle) => {
    const request = send(uri, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
      },
      // A connection of its own, by the lookup of its own.
      agent: false,
      lookup: guardedLookup(reach, options.resolve ?? resolveAll),
      signal: AbortSignal.timeout(options.longest_ms ?? longestMs),
    });
    request.on('response', ({ statusCode }) => {
      // §2.8: 200; 204 is for frameworks that answer an empty body so. Neither a redirect nor a body is followed.
      settle(statusCode === 200 || statusCode === 204 ? undefined : `the client answered ${statusCode}`);
      request.destroy();
    });
    request.on('error', (error) =>
      settle(error.name === 'AbortError' || error.name === 'TimeoutError' ? 'no answer in time' : error.message),
    );
    request.end(body);
  });
}
