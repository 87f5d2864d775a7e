/** Rotates the signing keys without ending a token; in an emergency replaces and withdraws them at once. */
import { randomUUID } from 'node:crypto';
import { listPublicKeys, type PrivateKeyRing } from '../protocol/key-ring.ts';
import { listStoredKeys, type StoredKey } from '../store/signing-key-administration.ts';
import { onOff } from './input.ts';
import {
  checkPublishedAhead,
  concludeRotation,
  isSettled,
  type RotatedKeys,
  type RotationTools,
  readCurrent,
  replaceRing,
  settle,
} from './key-rotation.ts';
import { type Answer, type ProcedureDefinition, runProcedure } from './procedure.ts';

export interface RotateSigningKeysInput {
  readonly emergency?: boolean;
}

interface RotationFacts {
  readonly ring: PrivateKeyRing;
  readonly stored: readonly StoredKey[];
  readonly at: Date;
}

const namesOf = (keys: readonly { readonly kid: string; readonly alg: string }[]) =>
  keys.map(({ kid, alg }) => `${kid} (${alg})`).join(' and ');

export const rotateSigningKeys: ProcedureDefinition<RotationTools, RotateSigningKeysInput, RotationFacts, RotatedKeys> = {
  name: 'rotate-signing-keys',
  asks_reason: true,
  input: { emergency: onOff },
  async look(tools) {
    const [{ ring }, stored] = await Promise.all([readCurrent(tools), listStoredKeys(tools.db)]);
    return { ring, stored, at: tools.now() };
  },
  plan({ emergency = false }, { ring, stored, at }) {
    if (emergency)
      return {
        steps: [
          'make two new keys for each algorithm and publish them; the first signs from now on',
          `withdraw ${namesOf(stored.filter(({ state }) => state !== 'retired'))} at once: what they signed is refused from then on`,
          'end no sign-in and no refresh token: clients get new tokens by refreshing (revoke-tokens --all ends these too)',
        ],
      };
    if (!isSettled(ring, stored)) return { steps: ['finish the rotation that was cut off, and do no other'] };
    checkPublishedAhead(ring, stored, at);
    const keys = listPublicKeys(ring);
    return {
      steps: [
        `let ${namesOf(keys.filter(({ state }) => state === 'pending'))}, which verifiers have seen, sign from now on`,
        'make the keys that come next and publish them',
        `keep ${namesOf(keys.filter(({ state }) => state === 'active'))} published until their last token has expired; no token ends`,
      ],
    };
  },
  async apply(tools, { emergency = false }, { ring, stored }) {
    const finishes = !emergency && !isSettled(ring, stored);
    if (finishes) await settle(tools);
    else await replaceRing(tools, emergency, randomUUID());
    return concludeRotation(tools, { emergency, finished_earlier: finishes });
  },
  describe: ({ emergency, finished_earlier, keys }) =>
    `${emergency ? 'emergency: ' : finished_earlier ? 'finished an earlier one: ' : ''}${keys.map(({ kid, state }) => `${kid} ${state}`).join(', ')}`,
  next: ({ emergency }) => [
    'oauth2ctl status',
    ...(emergency ? ['oauth2ctl revoke-tokens --all, where a thief may hold tokens'] : []),
  ],
};

/** A run by the schedule has nothing to do where somebody else has just rotated: that is no failure. */
const harmless = ['too_early', 'conflict'];

/** Runs the procedure for the command and for the schedule. @throws {Error} where a scheduled run failed, so that it is tried again */
export async function serveRotation(tools: RotationTools, event: unknown, requestId?: string): Promise<Answer<RotatedKeys>> {
  const answer = await runProcedure(rotateSigningKeys, tools, event, requestId);
  const scheduled = (event as { actor?: unknown } | null)?.actor === 'schedule';
  if (scheduled && answer.error && !harmless.includes(answer.error.code))
    throw new Error(`rotate-signing-keys: ${answer.error.message}`);
  return answer;
}
