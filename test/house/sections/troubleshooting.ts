/** The sections about troubleshooting, line by line. */
import { pagesRun, type Section } from './section.ts';

export const troubleshooting: readonly Section[] = [
  {
    group: 'Troubleshooting',
    title: 'Pod Not Starting',
    lines: [
      {
        there: 'describe, events, logs, common causes',
        here: ['function-not-starting', 'doctor', 'logs', 'dead-letters'],
        tests: [pagesRun, 'test/aws/alarms.test.ts'],
      },
    ],
  },
  {
    group: 'Troubleshooting',
    title: 'High Error Rate',
    lines: [
      {
        there: '4xx against 5xx, releases, dependencies, rollback',
        here: ['high-error-rate', 'diagnose', 'rollback'],
        tests: [pagesRun, 'test/e2e/diagnosis.test.ts', 'test/drills/alarms.test.ts'],
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
        tests: [pagesRun, 'test/e2e/diagnosis.test.ts'],
      },
    ],
  },
];
