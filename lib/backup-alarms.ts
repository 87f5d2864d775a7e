/** The rows of the alarm table that watch over backups, and over whether they can be restored. */
import type { Alarm } from './alarm.ts';

export const backupAlarms = {
  BackupOverdue: {
    metrics: { age: { source: 'server', name: 'backup_age_seconds', statistic: 'Minimum' } },
    fires: 'above',
    // Daily ones are 24 hours apart, so that the second that is missed is never waited for.
    threshold: 26 * 3600,
    unit: 's',
    period: 5,
    minutes: 15,
    // Nobody knows then whether there is one.
    silence: 'wrong',
    severity: 'critical',
    runbook: 'backup',
    purpose: 'No backup was taken and read back for 26 hours',
  },
  BackupTooSlow: {
    metrics: { duration: { source: 'server', name: 'backup_duration_seconds', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 600,
    unit: 's',
    period: 1440,
    minutes: 1440,
    silence: 'fine',
    severity: 'warning',
    runbook: 'backup',
    purpose: 'A backup takes ten of the fifteen minutes that a function has: it will soon not fit',
  },
  RestoreDrillOverdue: {
    metrics: { age: { source: 'server', name: 'restore_drill_age_seconds', statistic: 'Minimum' } },
    fires: 'above',
    // Monthly ones are 31 days apart at most.
    threshold: 35 * 86_400,
    unit: 's',
    period: 5,
    minutes: 15,
    silence: 'fine',
    severity: 'warning',
    runbook: 'restore-drill',
    purpose: 'No drill of a restore has succeeded for 35 days: nobody knows whether the backups are good',
  },
  BackupNotCopied: {
    metrics: { failed: { source: 'replication', name: 'OperationsFailedReplication', statistic: 'Sum' } },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    silence: 'fine',
    period: 60,
    minutes: 60,
    severity: 'critical',
    runbook: 'backup',
    purpose: 'A backup has no copy in the second region: S3 could not write it there',
  },
} as const satisfies Record<string, Alarm>;
