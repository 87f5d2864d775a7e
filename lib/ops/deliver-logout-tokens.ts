/** Signs a logout token for each notice and sends it to its client; what fails is for a later run to try again. */
import { randomUUID } from 'node:crypto';
import type { Signer } from '../keys/signer.ts';
import { buildLogoutTokenClaims, type LogoutNotice } from '../protocol/logout-token.ts';
import { count, log } from '../telemetry.ts';
import { noticesAtOnce } from './collect-logout-notices.ts';
import { isObject, listOf } from './input.ts';
import type { Instruments, ProcedureDefinition } from './procedure.ts';

/** Deliveries under way at a time: with the timeout of each, a whole batch ends before its function does. */
const atATime = 20;

export interface DeliveryTools extends Instruments {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'sign' | 'prepare'>;
  /** @returns why it was not delivered; undefined where it was */
  readonly post: (uri: string, token: string) => Promise<string | undefined>;
}

export interface Delivery {
  readonly notice_id: string;
  readonly delivered: boolean;
}

export interface Delivered {
  readonly deliveries: readonly Delivery[];
}

function isNotice(value: unknown): boolean {
  return (
    isObject(value) &&
    ['notice_id', 'client_id', 'subject', 'session_id', 'uri', 'alg'].every((name) => typeof value[name] === 'string')
  );
}

async function deliver({ issuer, signer, post, now }: DeliveryTools, notice: LogoutNotice): Promise<Delivery> {
  const claims = buildLogoutTokenClaims(notice, issuer, randomUUID(), now());
  const fault = await post(notice.uri, await signer.sign(claims, notice.alg, 'logout+jwt'));
  if (fault === undefined) {
    count('logout_tokens_delivered_total');
  } else {
    count('logout_tokens_failed_total');
    log('warn', 'logout token not delivered', { client_id: notice.client_id, notice_id: notice.notice_id, detail: fault });
  }
  return { notice_id: notice.notice_id, delivered: fault === undefined };
}

export const deliverLogoutTokens: ProcedureDefinition<
  DeliveryTools,
  { readonly notices: readonly LogoutNotice[] },
  null,
  Delivered
> = {
  name: 'deliver-logout-tokens',
  input: { notices: listOf(isNotice, noticesAtOnce, 'logout notices') },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply(tools, { notices }) {
    // Without keys nothing is sent, and the run fails as a whole.
    if (notices.length > 0) await tools.signer.prepare();
    const deliveries: Delivery[] = [];
    const waiting = [...notices];
    const work = async () => {
      for (let notice = waiting.shift(); notice; notice = waiting.shift()) deliveries.push(await deliver(tools, notice));
    };
    await Promise.all(Array.from({ length: atATime }, work));
    return { deliveries };
  },
  describe: ({ deliveries }) =>
    `${deliveries.filter(({ delivered }) => delivered).length} of ${deliveries.length} logout tokens delivered`,
};
