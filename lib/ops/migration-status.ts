/** Shows the last migrations, what is pending, and in what state a migration that failed has left the database. */
import { type AppliedMigration, type Migration, MigrationError, planMigrations, readMigrations } from '../store/migrate.ts';
import { findLastMigrationRun, type MigrationRun, readMigrationHistory } from '../store/migration-history.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface MigrationStatusTools extends Tools {
  /** Folder with the migrations of this release. */
  readonly directory: string;
}

export type MigrationState = 'up to date' | 'pending' | 'failed' | 'contradicted';

export interface MigrationStatus {
  readonly state: MigrationState;
  /** What that means, and what was left behind. */
  readonly explanation: string;
  /** The last five, newest first. */
  readonly history: readonly Pick<
    AppliedMigration,
    'installed_rank' | 'version' | 'description' | 'installed_on' | 'success' | 'execution_time'
  >[];
  readonly pending: readonly { readonly version: string; readonly description: string; readonly script: string }[];
  readonly last_run: MigrationRun | null;
}

/** How many of the history are shown. */
const shown = 5;

interface Judgement {
  readonly state: MigrationState;
  readonly explanation: string;
  readonly pending: readonly Migration[];
}

/** Pure: what files and history say together. */
export function judgeMigrations(
  files: readonly Migration[],
  history: readonly AppliedMigration[],
  last: MigrationRun | undefined,
): Judgement {
  let pending: readonly Migration[];
  try {
    pending = planMigrations(files, history);
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    const known = new Set(history.map(({ version }) => version));
    return { state: 'contradicted', explanation: error.message, pending: files.filter(({ version }) => !known.has(version)) };
  }
  if (pending.length === 0) return { state: 'up to date', explanation: 'every migration of this release is applied', pending };
  if (last?.outcome !== 'failed') return { state: 'pending', explanation: `${pending.length} to apply, in this order`, pending };
  return {
    state: 'failed',
    explanation:
      `the last run failed: ${last.detail ?? 'without a reason'}. A file that fails is rolled back as a whole: ` +
      `the schema is at version ${history.at(-1)?.version ?? '0'}, as the release before it needs it`,
    pending,
  };
}

const nextOf: Record<MigrationState, readonly string[]> = {
  'up to date': [],
  pending: ['oauth2ctl migrate shows the plan; a deploy applies it by itself'],
  failed: [
    'mend the file, which was applied nowhere, or the data that it stumbles over; then deploy, or oauth2ctl migrate --apply --reason "…"',
    'requests go on as before: there is nothing to restore',
  ],
  contradicted: ['see the page migration-status: the file or the release is to be mended, never the history'],
};

export const migrationStatus: ProcedureDefinition<MigrationStatusTools, Record<string, never>, null, MigrationStatus> = {
  name: 'migration-status',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, directory }) {
    const history = await readMigrationHistory(db);
    const last = await findLastMigrationRun(db);
    const { state, explanation, pending } = judgeMigrations(await readMigrations(directory), history, last);
    return {
      state,
      explanation,
      history: history
        .slice(-shown)
        .toReversed()
        .map(({ installed_rank, version, description, installed_on, success, execution_time }) => ({
          installed_rank,
          version,
          description,
          installed_on,
          success,
          execution_time,
        })),
      pending: pending.map(({ version, description, script }) => ({ version, description, script })),
      last_run: last ?? null,
    };
  },
  describe: ({ state, explanation }) => `${state}: ${explanation}`,
  next: ({ state }) => nextOf[state],
};
