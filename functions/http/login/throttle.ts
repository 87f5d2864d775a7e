/** Makes guessing passwords slow without locking the user out: known devices are counted apart from everybody else. */
import { subscriberOf } from '../../../lib/flows/subscriber.ts';
import { digest } from '../../../lib/protocol/digest.ts';
import type { Database } from '../../../lib/store/database.ts';
import { countAttempt } from '../../../lib/store/throttles.ts';

/** Attempts within the window before a bucket closes. */
const allowed = { device: 10, account: 10, address: 100 };
const windowSeconds = 900;

export interface SignInAttempt {
  readonly blocked: boolean;
  /** Seconds until the next try makes sense. */
  readonly resets_in: number;
  readonly reason: string;
  /** To forgive the attempt where it succeeds. */
  readonly buckets: readonly Uint8Array[];
}

/**
 * Counts an attempt before the password is looked at.
 * @param username as the account spells it, where there is one: spellings that the database takes for it share a bucket
 * @param device the cookie of a browser that signed this account in before: an attacker has none, so what an attacker
 *   does to the account's bucket does not touch it
 */
export async function countSignIn(
  db: Database,
  username: string,
  device: string | undefined,
  address: string,
): Promise<SignInAttempt> {
  const account = username.toLowerCase();
  const own =
    device === undefined
      ? { bucket: digest(`account ${account}`), limit: allowed.account, reason: 'account' }
      : { bucket: digest(`device ${device} of ${account}`), limit: allowed.device, reason: 'device' };
  const shared = { bucket: digest(`sign-in at ${subscriberOf(address)}`), limit: allowed.address, reason: 'address' };
  const limits = [own, shared];
  const buckets = limits.map(({ bucket }) => bucket);
  const counts = await countAttempt(db, buckets, windowSeconds, new Date());
  const closed = limits.flatMap((limit, index) => {
    const found = counts[index];
    return found && found.failures > limit.limit ? [{ reason: limit.reason, resets_in: found.resets_in }] : [];
  });
  return {
    blocked: closed.length > 0,
    resets_in: Math.max(0, ...closed.map(({ resets_in }) => resets_in)),
    reason: closed.map(({ reason }) => reason).join(', '),
    buckets,
  };
}
