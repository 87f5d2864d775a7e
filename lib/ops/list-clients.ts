/** Lists the clients, oldest first, a page at a time. */
import { listClients as findClients, type ListedClient } from '../store/client-administration.ts';
import { text, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface ListInput {
  readonly limit?: number;
  readonly after?: string;
}

export interface ClientPage {
  readonly clients: readonly ListedClient[];
  /** Give it as `after` to go on; absent on the last page. */
  readonly next_after?: string;
}

export const listClients: ProcedureDefinition<Tools, ListInput, null, ClientPage> = {
  name: 'list-clients',
  input: { limit: wholeNumber(1, 500), after: text(200) },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db }, { limit = 100, after }) {
    const found = await findClients(db, limit + 1, after ?? null);
    const clients = found.slice(0, limit);
    const last = clients.at(-1);
    return { clients, ...(found.length > limit && last && { next_after: last.client_id }) };
  },
};
