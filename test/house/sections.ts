/** The runbooks of the server on Kubernetes that this one succeeds, section by section, and what takes the place of each line here. */

export interface Line {
  /** What the section does there, in our words. */
  readonly there: string;
  /** Commands or task pages; the first has the page to begin with. */
  readonly here: readonly string[];
  /** Tests that have carried it out, beside those named like its commands. */
  readonly tests?: readonly string[];
}

export interface Section {
  readonly group: 'Deployment' | 'Database' | 'Monitoring' | 'Troubleshooting' | 'Security' | 'Additional';
  readonly title: string;
  readonly lines: readonly Line[];
}

const deployed = ['test/e2e/deployment.test.ts'];
const pagesRun = ['test/house/pages-run.test.ts'];

export const sections: readonly Section[] = [
  {
    group: 'Deployment',
    title: 'Initial Deployment',
    lines: [
      { there: 'prerequisites', here: ['initial-deployment', 'preflight'] },
      {
        there: 'namespace, secrets, database, migrations, application, in this order',
        here: ['initial-deployment', 'environment-and-secrets'],
        tests: deployed,
      },
      { there: 'verify', here: ['verify', 'status'] },
      {
        there: 'rollback of a failed deployment, without deleting data',
        here: ['initial-deployment', 'destroy'],
        tests: pagesRun,
      },
    ],
  },
  {
    group: 'Deployment',
    title: 'Update Deployment',
    lines: [
      {
        there: 'a new image, applied; the rollout watched',
        here: ['update-deployment'],
        tests: ['test/aws/releases.test.ts', 'test/infra/release.rules.ts'],
      },
      { there: 'new pods, their logs, health', here: ['verify', 'logs'] },
      { there: 'rollback', here: ['rollback'] },
    ],
  },
  {
    group: 'Deployment',
    title: 'Rollback Deployment',
    lines: [
      {
        there: 'when: error rate above 5 %, health, database, performance',
        here: ['rollback'],
        tests: ['test/infra/alarms.test.ts'],
      },
      { there: 'history', here: ['releases'] },
      {
        there: 'to the release before',
        here: ['rollback'],
        tests: ['test/aws/releases.test.ts', 'test/drills/rollback-over-migration.test.ts'],
      },
      { there: 'to a named revision', here: ['release'], tests: ['test/aws/releases.test.ts'] },
      { there: 'watch it, health', here: ['verify'] },
    ],
  },
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
      { there: 'symptoms, CPU, memory, connections, long-running queries, indexes', here: ['database-report'] },
      {
        there: 'more resources, pooling, parameters',
        here: ['scale', 'database-report'],
        tests: ['test/infra/protection.rules.ts', 'test/house/scaling.test.ts'],
      },
    ],
  },
  {
    group: 'Monitoring',
    title: 'Check Server Health',
    lines: [
      {
        there: 'health, readiness, pods, recent logs',
        here: ['status', 'logs'],
        tests: ['test/functions/http/health.test.ts', 'test/functions/http/ready.test.ts'],
      },
      { there: 'metrics, database, resources, errors, autoscaling, endpoints', here: ['status', 'doctor', 'metrics'] },
    ],
  },
  {
    group: 'Monitoring',
    title: 'View Application Logs',
    lines: [
      { there: 'all, one, last 100, last hour, after a crash', here: ['logs'] },
      { there: 'errors, authentication failures, slow queries, export', here: ['logs'] },
    ],
  },
  {
    group: 'Monitoring',
    title: 'Monitor Metrics',
    lines: [
      {
        there: 'six queries',
        here: ['metrics'],
        tests: ['test/functions/http/metrics.test.ts', 'test/drills/prometheus.test.ts', 'test/ops/aggregate-metrics.test.ts'],
      },
      { there: 'key metrics with thresholds and actions', here: ['metrics', 'alerts'], tests: ['test/infra/alarms.test.ts'] },
    ],
  },
  {
    group: 'Monitoring',
    title: 'Set Up Alerts',
    lines: [
      {
        there: 'HighErrorRate, HighResponseTime, DatabaseDown, PodRestartLoop',
        here: ['alerts'],
        tests: [
          'test/infra/alarms.test.ts',
          'test/drills/alarms.test.ts',
          'test/drills/prometheus.test.ts',
          'test/infra/operation.rules.ts',
        ],
      },
    ],
  },
  {
    group: 'Troubleshooting',
    title: 'Pod Not Starting',
    lines: [
      { there: 'describe, events, logs, common causes', here: ['function-not-starting', 'doctor', 'logs'], tests: pagesRun },
    ],
  },
  {
    group: 'Troubleshooting',
    title: 'High Error Rate',
    lines: [
      {
        there: '4xx against 5xx, releases, dependencies, rollback',
        here: ['high-error-rate', 'diagnose', 'rollback'],
        tests: [...pagesRun, 'test/e2e/diagnosis.test.ts', 'test/drills/alarms.test.ts'],
      },
    ],
  },
  {
    group: 'Troubleshooting',
    title: 'Database Connection Issues',
    lines: [
      {
        there: 'readiness, network, credentials, logs of Postgres',
        here: ['database-connection-issues', 'diagnose', 'doctor', 'logs'],
        tests: [
          'test/e2e/diagnosis.test.ts',
          'test/conformance/outage.test.ts',
          'test/drills/alarms.test.ts',
          'test/drills/database-killed.test.ts',
        ],
      },
    ],
  },
  {
    group: 'Troubleshooting',
    title: 'Performance Degradation',
    lines: [
      {
        there: 'before and after, saturation, eventing, less load or more room',
        here: ['performance-degradation', 'diagnose', 'metrics', 'database-report', 'scale', 'events'],
        tests: [...pagesRun, 'test/e2e/diagnosis.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Rotate JWT Secret',
    lines: [
      {
        there: 'rotate, roll out, validate; there in a maintenance window',
        here: ['rotate-signing-keys'],
        tests: ['test/conformance/key-rotation.test.ts', 'test/drills/rotation-under-load.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Rotate Database Password',
    lines: [
      {
        there: 'password, secret, restart, readiness',
        here: ['rotate-database-password'],
        tests: ['test/drills/rotation-under-load.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Revoke All Tokens',
    lines: [
      {
        there: 'no endpoint: rotate the secret',
        here: ['revoke-tokens'],
        tests: ['test/conformance/revoke-tokens.test.ts', 'test/drills/revoke-all.test.ts'],
      },
    ],
  },
  {
    group: 'Security',
    title: 'Security Incident Response',
    lines: [
      {
        there: 'contain, eradicate, recover, post-incident',
        here: ['incident', 'block', 'maintenance', 'revoke-tokens'],
        tests: ['test/conformance/blocked-addresses.test.ts'],
      },
    ],
  },
  {
    group: 'Additional',
    title: 'Additional Runbooks',
    lines: [
      { there: 'environment and secrets', here: ['environment-and-secrets'], tests: pagesRun },
      { there: 'scaling by hand and automatic', here: ['scale'], tests: pagesRun },
      { there: 'certificates', here: ['certificates', 'preflight'], tests: pagesRun },
      { there: 'access-log review', here: ['review-access', 'access-report'], tests: pagesRun },
      { there: 'configuration update', here: ['change-configuration'], tests: pagesRun },
      {
        there: 'clean-up of expired data',
        here: ['purge-expired', 'vacuum-and-bloat'],
        tests: ['test/ops/purge-expired.test.ts', 'test/drills/purge-under-load.test.ts'],
      },
      { there: 'vacuum, bloat, indexes, sizes, locks', here: ['vacuum-and-bloat', 'database-report'], tests: pagesRun },
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
      { there: 'export and erasure of personal data', here: ['personal-data', 'export-user', 'delete-user'], tests: pagesRun },
      { there: 'dashboards', here: ['metrics', 'alerts'], tests: ['test/infra/operation.rules.ts'] },
    ],
  },
];
