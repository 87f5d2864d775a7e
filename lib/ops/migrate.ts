/** Brings the database schema up to date and makes sure that new tokens have a partition to go to. */
import {
  migrate as applyMigrations,
  listAppliedMigrations,
  MigrationBusy,
  MigrationError,
  type MigrationPatience,
  planMigrations,
  readMigrations,
} from '../store/migrate.ts';
import { canBackUp } from '../store/owner.ts';
import { createPartitionsAhead, daysAhead, listPartitions, partitionName } from '../store/partitions.ts';
import { tellProgress } from '../telemetry.ts';
import { ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { partitionDays } from './purge-expired.ts';
import { counted } from './wording.ts';

export interface MigrateTools extends Tools {
  /** Folder with the migrations of this release. */
  readonly directory: string;
  /** Of a managed database: the role that this procedure connects as. */
  readonly owner?: {
    isThere(): Promise<boolean>;
    /** Makes it where it is missing, and gives it what it needs. */
    prepare(): Promise<unknown>;
  };
  readonly patience?: MigrationPatience;
}

interface MigrateFacts {
  /** Without its role this procedure cannot even look. */
  readonly owner_missing?: boolean;
  /** There is something to lose, something that changes it, and somebody who can back it up: the role came with a migration itself. */
  readonly backup_first: boolean;
  readonly pending: readonly string[];
  readonly missing_partitions: number;
}

export interface Migrated {
  /** Files that this run applied. */
  readonly applied: readonly string[];
  /** Version of the schema now. */
  readonly version: string;
  readonly created_partitions: number;
}

/** Translates a disagreement between schema and files. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MigrationBusy) throw new ProcedureFault('busy', error.message, false);
    if (error instanceof MigrationError) throw new ProcedureFault('migration_failed', error.message, false);
    throw error;
  }
}

export const migrate: ProcedureDefinition<MigrateTools, Record<string, never>, MigrateFacts, Migrated> = {
  name: 'migrate',
  acts_without_log: true,
  input: {},
  look: ({ db, directory, now, owner }) =>
    explained(async () => {
      if (owner && !(await owner.isThere()))
        return { owner_missing: true, backup_first: false, pending: [], missing_partitions: partitionDays };
      const applied = await listAppliedMigrations(db.sql);
      const pending = planMigrations(await readMigrations(directory), applied);
      const known = applied.length > 0 ? await listPartitions(db) : [];
      const missing = daysAhead(now(), partitionDays).filter((day) => !known.includes(partitionName(day)));
      const backup_first = applied.length > 0 && pending.length > 0 && (await canBackUp(db));
      return { backup_first, pending: pending.map(({ script }) => script), missing_partitions: missing.length };
    }),
  plan: (_input, { owner_missing, backup_first, pending, missing_partitions }) => ({
    ...(backup_first && { backup_first }),
    steps: [
      ...(owner_missing
        ? ['make the role that owns database and schema, which is not there yet', 'apply what it then finds pending']
        : pending.length === 0
          ? ['leave the schema, which is up to date']
          : pending.map((script) => `apply ${script}`)),
      ...(missing_partitions > 0 ? [`create ${counted(missing_partitions, 'daily partition')} of access_tokens`] : []),
    ],
  }),
  apply: ({ db, directory, now, owner, patience }) =>
    explained(async () => {
      await owner?.prepare();
      const applied = await applyMigrations(db.sql, directory, (news) => tellProgress(() => news), patience);
      const { created } = await createPartitionsAhead(db, now(), partitionDays);
      const newest = (await listAppliedMigrations(db.sql)).at(-1);
      return {
        applied: applied.map(({ script }) => script),
        version: newest?.version ?? '0',
        created_partitions: created.length,
      };
    }),
  describe: ({ applied, version }) => `schema version ${version}${applied.length > 0 ? `, applied ${applied.join(', ')}` : ''}`,
  next: () => ['oauth2ctl status'],
};
