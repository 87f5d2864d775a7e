/** Publishes how many clients there are, how many tokens are active, and how old the signing keys, the last backup and the last drill of a restore are. */
import { countClientsAndTokens, findLastSuccess, findOldestActiveKey } from '../store/status.ts';
import { count, observeDuration } from '../telemetry.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface Gauges {
  /** Null where counting takes too long. */
  readonly clients: number | null;
  /** Without asking for their families, and up to a million, where those are too many to be asked for. */
  readonly access_tokens: number | null;
  /** Of the oldest key that signs; null where there is none. */
  readonly signing_key_age_seconds: number | null;
  /** Where there is no backup yet, since the schema was made; null where there is not even that. */
  readonly backup_age_seconds: number | null;
  /** The same of a drill of a restore. */
  readonly restore_drill_age_seconds: number | null;
}

export const publishGauges: ProcedureDefinition<Tools, Record<string, never>, null, Gauges> = {
  name: 'publish-gauges',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now }) {
    const ageOf = (since: Date | null) => since && Math.max(0, Math.round((now().getTime() - since.getTime()) / 1000));
    const ages = {
      signing_key_age_seconds: ageOf(await findOldestActiveKey(db)),
      backup_age_seconds: ageOf(await findLastSuccess(db, 'backup')),
      restore_drill_age_seconds: ageOf(await findLastSuccess(db, 'restore-drill')),
    };
    for (const name of ['signing_key_age_seconds', 'backup_age_seconds', 'restore_drill_age_seconds'] as const)
      if (ages[name] !== null) observeDuration(name, ages[name] * 1000);
    // The last: where there are too many tokens to be counted in time, the alarms that watch the ages know them all the same.
    const counts = await countClientsAndTokens(db, now());
    if (counts.clients !== null) count('oauth_clients_total', counts.clients);
    if (counts.access_tokens !== null) count('oauth_active_tokens', counts.access_tokens);
    return { ...counts, ...ages };
  },
  describe: ({ clients, access_tokens }) => `${clients ?? 'uncounted'} clients, ${access_tokens ?? 'uncounted'} active tokens`,
};
