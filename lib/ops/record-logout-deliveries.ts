/** Records which logout notices were delivered, and gives up those that failed too often. */
import { recordDeliveries } from '../store/logout-notices.ts';
import { noticesAtOnce } from './collect-logout-notices.ts';
import type { Delivery } from './deliver-logout-tokens.ts';
import { isObject, listOf } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface Recorded {
  readonly delivered: number;
  readonly gave_up: number;
}

function isDelivery(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.delivered === 'boolean' &&
    typeof value.notice_id === 'string' &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value.notice_id)
  );
}

export const recordLogoutDeliveries: ProcedureDefinition<Tools, { readonly deliveries: readonly Delivery[] }, null, Recorded> = {
  name: 'record-logout-deliveries',
  input: { deliveries: listOf(isDelivery, noticesAtOnce, 'deliveries') },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now }, { deliveries }) {
    if (deliveries.length === 0) return { delivered: 0, gave_up: 0 };
    const idsOf = (wanted: boolean) =>
      deliveries.filter(({ delivered }) => delivered === wanted).map(({ notice_id }) => notice_id);
    return recordDeliveries(db, idsOf(true), idsOf(false), now());
  },
  describe: ({ delivered, gave_up }) => `${delivered} delivered, ${gave_up} given up`,
};
