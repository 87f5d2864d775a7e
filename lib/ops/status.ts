/** Shows what runs on a stage and whether it is well, naming each thing that is not. */

import { type Procedure, procedureNames, procedures } from '../procedures.ts';
import { Unavailable } from '../protocol/errors.ts';
import type { PrivateKeyRing } from '../protocol/key-ring.ts';
import { type LastRun, listLastRuns, listScheduledRuns, type ScheduledRun } from '../store/audit-log.ts';
import type { Database } from '../store/database.ts';
import { type Connections, countConnections } from '../store/database-activity.ts';
import { isInMaintenance } from '../store/maintenance.ts';
import { daysAhead, listPartitions, partitionName } from '../store/partitions.ts';
import { listOverduePurges } from '../store/purge-places.ts';
import { listStoredKeys, type StoredKey } from '../store/signing-key-administration.ts';
import { type Counts, countEverything, findSchemaState, type SchemaState } from '../store/status.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface StatusTools extends Tools {
  readonly stage: string;
  readonly issuer: string;
  readonly release: string;
  /** Of the software. */
  readonly version: string;
  /** Newest migration of this release. */
  readonly schema_version: number;
  readonly secret_id: string;
  readonly readKeyRing: (secretId: string) => Promise<PrivateKeyRing | undefined>;
}

/** What the database told; it is asked in one go. */
export interface DatabaseFacts {
  readonly schema: SchemaState | undefined;
  readonly keys: readonly StoredKey[];
  readonly counts: Counts;
  /** Days ahead, today included, that have a partition of their own. */
  readonly partition_days: number;
  /** Tables of which what has expired was not all purged for too long. */
  readonly overdue_purges: readonly string[];
  readonly last_runs: readonly LastRun[];
  readonly scheduled_runs: readonly ScheduledRun[];
  readonly connections: Connections;
  readonly maintenance: boolean;
}

export type SecretState = 'readable' | 'empty' | 'unreadable';

export interface Status {
  readonly stage: string;
  readonly issuer: string;
  readonly release: string;
  readonly version: string;
  readonly healthy: boolean;
  /** Each thing that is not well, as a sentence that says what to do. */
  readonly problems: readonly string[];
  /** Null where the database cannot be reached. */
  readonly maintenance: 'on' | 'off' | null;
  readonly database: { readonly reachable: boolean; readonly server_version?: string; readonly connections?: Connections };
  readonly schema: Omit<SchemaState, 'server_version'> | null;
  readonly signing: { readonly secret: SecretState; readonly keys: readonly StoredKey[] };
  readonly counts: Counts | null;
  readonly partition_days: number | null;
  /** Of each procedure, whoever ran it. */
  readonly last_runs: readonly LastRun[];
  readonly scheduled_runs: readonly ScheduledRun[];
}

async function ifAvailable<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

async function askDatabase(db: Database, now: Date): Promise<DatabaseFacts> {
  const schema = await findSchemaState(db);
  const keys = await listStoredKeys(db);
  const counts = await countEverything(db, now);
  const partitions = await listPartitions(db);
  const missing = daysAhead(now, 30).findIndex((day) => !partitions.includes(partitionName(day)));
  return {
    schema,
    keys,
    counts,
    partition_days: missing < 0 ? 30 : missing,
    overdue_purges: await listOverduePurges(db),
    last_runs: await listLastRuns(db),
    scheduled_runs: await listScheduledRuns(db),
    connections: await countConnections(db),
    maintenance: await isInMaintenance(db),
  };
}

/** Procedures that run by themselves: of one that an operator ran, the operator saw the outcome. */
const watched: readonly string[] = procedureNames.filter((name) => {
  const { schedule, command }: Procedure = procedures[name];
  return schedule !== undefined || !command || name === 'migrate';
});

/** Everything that is not well; pure. @param held key ids of the secret @param schemaVersion what this release wants */
export function findProblems(
  database: DatabaseFacts | undefined,
  secret: SecretState,
  held: readonly string[],
  schemaVersion: number,
): string[] {
  const problems: string[] = [];
  if (secret === 'unreadable')
    problems.push('the secret with the signing keys cannot be read: look at its permissions and at Secrets Manager');
  if (secret === 'empty') problems.push('the secret with the signing keys has no value yet: deploy, which creates the keys');
  if (!database) return [...problems, 'the database cannot be reached: look at its state, its proxy and its network'];
  const { schema, keys, partition_days, overdue_purges, last_runs, maintenance } = database;
  if (!schema) problems.push('no migration was ever applied: run migrate');
  else if (!schema.success) problems.push(`migration ${schema.version} failed: see the runbook page migrate`);
  else if (Number(schema.version) < schemaVersion)
    problems.push(`the schema has version ${schema.version}, this release wants ${schemaVersion}: run migrate`);
  if (maintenance) problems.push('maintenance mode is on: what writes is answered 503 until maintenance --off');
  const unpublished = held.filter((kid) => !keys.some((key) => key.kid === kid && key.state !== 'retired'));
  if (unpublished.length > 0)
    problems.push(`the signing keys ${unpublished.join(', ')} are not published: deploy, which publishes them`);
  if (partition_days < 3)
    problems.push(`partitions of access_tokens are there for ${partition_days} days only: run purge-expired`);
  if (overdue_purges.length > 0)
    problems.push(`what has expired in ${overdue_purges.join(', ')} was not all purged for more than a day: run purge-expired`);
  for (const { procedure, at, outcome } of last_runs)
    if (outcome === 'failed' && watched.includes(procedure))
      problems.push(`${procedure} failed at ${new Date(at).toISOString()}: see its runbook page`);
  return problems;
}

export const status: ProcedureDefinition<StatusTools, Record<string, never>, null, Status> = {
  name: 'status',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now, stage, issuer, release, version, schema_version, secret_id, readKeyRing }) {
    const [database, ring] = await Promise.all([
      ifAvailable(() => askDatabase(db, now())),
      ifAvailable(async () => ({ value: await readKeyRing(secret_id) })),
    ]);
    const held = Object.values(ring?.value?.keys ?? {}).flatMap(({ active, next }) => [active.kid, next.kid]);
    const secret: SecretState = ring === undefined ? 'unreadable' : ring.value === undefined ? 'empty' : 'readable';
    const problems = findProblems(database, secret, held, schema_version);
    const { server_version, ...schema } = database?.schema ?? {};
    return {
      stage,
      issuer,
      release,
      version,
      healthy: problems.length === 0,
      problems,
      maintenance: database ? (database.maintenance ? 'on' : 'off') : null,
      database: {
        reachable: database !== undefined,
        ...(server_version !== undefined && { server_version }),
        ...(database && { connections: database.connections }),
      },
      schema: database?.schema ? (schema as Status['schema']) : null,
      signing: { secret, keys: database?.keys ?? [] },
      counts: database?.counts ?? null,
      partition_days: database?.partition_days ?? null,
      last_runs: database?.last_runs ?? [],
      scheduled_runs: database?.scheduled_runs ?? [],
    };
  },
  describe: ({ healthy, problems }) => (healthy ? 'well' : problems.join('; ')),
};
