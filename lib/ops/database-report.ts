/** Reports how the database is doing, and for each finding the change to make. */
import {
  countConnections,
  listBlocked,
  listLongRunning,
  listSlowestStatements,
  seesEverybody,
} from '../store/database-activity.ts';
import { listDatabaseSettings, listIndexes, listTables, readDatabaseFacts } from '../store/database-shape.ts';
import { type DatabaseFinding, type DatabaseReport, judgeDatabase, thresholds } from './database-findings.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

/** Indexes that are shown. */
const shownIndexes = 15;

export interface JudgedReport extends DatabaseReport {
  readonly well: boolean;
  readonly findings: readonly DatabaseFinding[];
}

export const databaseReport: ProcedureDefinition<Tools, Record<string, never>, null, JudgedReport> = {
  name: 'database-report',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db }) {
    const report: DatabaseReport = {
      connections: await countConnections(db),
      long_running: await listLongRunning(db, thresholds.long_running_seconds),
      blocked: await listBlocked(db),
      slowest: (await listSlowestStatements(db)) ?? null,
      sees_everybody: await seesEverybody(db),
      tables: await listTables(db),
      indexes: await listIndexes(db),
      database: await readDatabaseFacts(db),
      settings: await listDatabaseSettings(db),
    };
    const findings = judgeDatabase(report);
    return { ...report, indexes: report.indexes.slice(0, shownIndexes), well: findings.length === 0, findings };
  },
  describe: ({ findings }) =>
    findings.length === 0 ? 'well' : findings.map(({ about, seen }) => `${about}: ${seen}`).join('; '),
  next: ({ well }) => (well ? [] : ['the page database-report says how each change is made']),
};
