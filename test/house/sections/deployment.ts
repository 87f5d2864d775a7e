/** The sections about deployment, line by line. */
import { pagesRun, type Section } from './section.ts';

export const deployment: readonly Section[] = [
  {
    group: 'Deployment',
    title: 'Initial Deployment',
    lines: [
      { there: 'prerequisites', here: ['initial-deployment', 'preflight'] },
      {
        there: 'namespace, secrets, database, migrations, application, in this order',
        here: ['initial-deployment', 'environment-and-secrets'],
        tests: ['test/aws/stage.test.ts', 'test/infra/operation.rules.ts', 'test/e2e/deployment.test.ts'],
      },
      { there: 'verify', here: ['verify', 'status'] },
      {
        there: 'rollback of a failed deployment, without deleting data',
        here: ['initial-deployment', 'destroy'],
        tests: [pagesRun],
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
];
