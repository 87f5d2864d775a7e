/** Publishes how many clients there are, how many tokens are active and for how long the signing keys have been in use. */
import { countClientsAndTokens, findOldestActiveKey } from '../store/status.ts';
import { count, observeDuration } from '../telemetry.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface Gauges {
  readonly clients: number;
  readonly access_tokens: number;
  /** Of the oldest key that signs; null where there is none. */
  readonly signing_key_age_seconds: number | null;
}

export const publishGauges: ProcedureDefinition<Tools, Record<string, never>, null, Gauges> = {
  name: 'publish-gauges',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now }) {
    const counts = await countClientsAndTokens(db, now());
    const since = await findOldestActiveKey(db);
    const age = since && Math.round((now().getTime() - since.getTime()) / 1000);
    const gauges = { ...counts, signing_key_age_seconds: age };
    count('oauth_clients_total', gauges.clients);
    count('oauth_active_tokens', gauges.access_tokens);
    if (age !== null) observeDuration('signing_key_age_seconds', age * 1000);
    return gauges;
  },
  describe: ({ clients, access_tokens }) => `${clients} clients, ${access_tokens} active tokens`,
};
