/** Takes the logout notices that are due, for the procedure that can reach the clients. */
import type { LogoutNotice } from '../protocol/logout-token.ts';
import { takeDueNotices } from '../store/logout-notices.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

/** Notices of one run: with the longest URIs they fit into one asynchronous message of Lambda (256 KiB). */
export const noticesAtOnce = 100;

export interface Collected {
  readonly notices: readonly LogoutNotice[];
}

export const collectLogoutNotices: ProcedureDefinition<Tools, Record<string, never>, null, Collected> = {
  name: 'collect-logout-notices',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  apply: async ({ db, now }) => ({ notices: [...(await takeDueNotices(db, noticesAtOnce, now()))] }),
  describe: ({ notices }) => `${notices.length} notices`,
};
