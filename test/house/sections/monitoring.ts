/** The sections about monitoring, line by line. */
import type { Section } from './section.ts';

export const monitoring: readonly Section[] = [
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
        here: ['alerts', 'try-alarms'],
        tests: [
          'test/infra/alarms.test.ts',
          'test/drills/alarms.test.ts',
          'test/drills/prometheus-rules.test.ts',
          'test/infra/operation.rules.ts',
        ],
      },
    ],
  },
];
