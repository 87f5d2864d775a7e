/** The sections about database, line by line. */
import type { Section } from './section.ts';

export const database: readonly Section[] = [
  {
    group: 'Database',
    title: 'Database Backup',
    lines: [
      {
        there: 'daily at 02:00 UTC, monthly to cold storage, before major changes',
        here: ['backup'],
        tests: ['test/infra/backups.rules.ts', 'test/infra/operation.rules.ts', 'test/infra/deploy-step.test.ts'],
      },
      {
        there: 'dump, list, upload',
        here: ['backup', 'list-backups'],
        tests: ['test/drills/backup.test.ts', 'test/aws/stage.test.ts'],
      },
      { there: 'verify', here: ['verify-backup'], tests: ['test/drills/backup.test.ts'] },
      { there: 'test restore on staging', here: ['restore-drill'], tests: ['test/drills/restore.test.ts'] },
      {
        there: 'the script: retention, success or failure',
        here: ['backup', 'list-backups'],
        tests: ['test/infra/backups.rules.ts', 'test/drills/backup.test.ts', 'test/local/s3.test.ts'],
      },
    ],
  },
  {
    group: 'Database',
    title: 'Database Restore',
    lines: [
      {
        there: 'scale to 0',
        here: ['maintenance', 'restore'],
        tests: ['test/conformance/maintenance.test.ts', 'test/drills/restore.test.ts'],
      },
      {
        there: 'download, restore, list tables, count records',
        here: ['restore', 'lost-database'],
        tests: ['test/drills/restore.test.ts', 'test/drills/restore-data.test.ts', 'test/ops/restore-step.test.ts'],
      },
      { there: 'scale up, health and metrics', here: ['restore', 'verify', 'metrics'] },
    ],
  },
  {
    group: 'Database',
    title: 'Run Database Migrations',
    lines: [
      { there: 'apply and watch', here: ['migrate'], tests: ['test/aws/stage.test.ts'] },
      { there: 'the last five of the history', here: ['migration-status'] },
      { there: 'when one fails', here: ['migrate', 'migration-status', 'restore'], tests: ['test/aws/releases.test.ts'] },
    ],
  },
  {
    group: 'Database',
    title: 'Database Performance Tuning',
    lines: [
      {
        there: 'symptoms, CPU, memory, connections, long-running queries, indexes',
        here: ['database-report', 'explain-statement', 'mend-database'],
      },
      {
        there: 'more resources, pooling, parameters',
        here: ['scale', 'database-report'],
        tests: ['test/infra/protection.rules.ts', 'test/house/scaling.test.ts'],
      },
    ],
  },
];
