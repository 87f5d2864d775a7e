/** Alarms that no drill makes fire, each with the reason; `test/infra/alarms.test.ts` feeds their expressions values on both sides of the threshold. */
import type { AlarmName } from '../../lib/alarms.ts';

const rds = 'RDS measures it, and there is none on one machine';

export const notProvoked: { readonly [name in AlarmName]?: string } = {
  DatabaseCpuHigh: rds,
  DatabaseMemoryHigh: rds,
  DatabaseStorageLow: rds,
  ConnectionsPinned: 'RDS Proxy measures it, and there is none on one machine',
  ScheduleFailed: 'SQS counts what EventBridge Scheduler gave up, and neither is on one machine',
  EventsDropped: 'EventBridge puts into that queue what it cannot encrypt, and there is none on one machine',
  BackupTooSlow: 'a dump of ten minutes needs more rows than a drill has time for',
  BackupNotCopied: 'S3 measures it between two regions',
  CertificateExpiring: 'ACM measures it',
};
