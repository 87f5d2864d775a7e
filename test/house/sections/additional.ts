/** The sections that the index of before has beside them, line by line. */
import { pagesRun, type Section } from './section.ts';

export const additional: readonly Section[] = [
  {
    group: 'Additional',
    title: 'Additional Runbooks',
    lines: [
      {
        there: 'environment and secrets',
        here: ['environment-and-secrets'],
        tests: [pagesRun, 'test/infra/protection.rules.ts'],
      },
      {
        there: 'scaling by hand and automatic',
        here: ['scale'],
        tests: ['test/house/scaling.test.ts', 'test/infra/protection.rules.ts'],
      },
      { there: 'certificates', here: ['certificates', 'preflight'], tests: [pagesRun] },
      { there: 'access-log review', here: ['review-access', 'access-report'], tests: [pagesRun] },
      { there: 'configuration update', here: ['change-configuration'], tests: ['test/infra/stages.test.ts', pagesRun] },
      {
        there: 'clean-up of expired data',
        here: ['purge-expired', 'vacuum-and-bloat'],
        tests: ['test/ops/purge-expired.test.ts', 'test/drills/purge-under-load.test.ts'],
      },
      { there: 'bloat, indexes, sizes, locks', here: ['vacuum-and-bloat', 'database-report'], tests: [pagesRun] },
      {
        there: 'full restore in an empty cluster',
        here: ['full-restore', 'restore'],
        tests: ['test/drills/full-restore.test.ts'],
      },
      {
        there: 'rate limits',
        here: ['rate-limits'],
        tests: ['test/conformance/login-throttle.test.ts', 'test/infra/routes.rules.ts'],
      },
      { there: 'export and erasure of personal data', here: ['personal-data', 'export-user', 'delete-user'], tests: [pagesRun] },
      {
        there: 'dashboards',
        here: ['metrics', 'alerts'],
        tests: ['test/infra/operation.rules.ts', 'test/infra/metrics.rules.ts'],
      },
      {
        there: 'connecting to the database, and useful queries',
        here: ['database-report', 'list-clients', 'list-users', 'status'],
      },
      { there: 'access control of the database', here: ['environment-and-secrets'], tests: ['test/store/migrate.test.ts'] },
      { there: 'creating a migration', here: ['migrate', 'migration-status'], tests: ['test/store/migrate.test.ts'] },
      { there: 'EXPLAIN, slow queries, missing indexes', here: ['explain-statement', 'database-report'] },
      { there: 'ending sessions, vacuum, reindex', here: ['mend-database', 'vacuum-and-bloat'] },
      {
        there: 'security checklist, scanning of dependencies and images, penetration tests, fuzzing',
        here: ['security-review'],
        tests: [
          'test/conformance/bad-input.test.ts',
          'test/conformance/attacks-browser.test.ts',
          'test/protocol/parameters.test.ts',
          'test/conformance/log-leakage.test.ts',
        ],
      },
      { there: 'audit', here: ['audit-log', 'review-access'], tests: [pagesRun] },
      { there: 'support: documentation, issues, security policy', here: ['security-review', 'incident'], tests: [pagesRun] },
    ],
  },
];
