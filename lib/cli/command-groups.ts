/** The groups in which the help lists the commands, by what brings somebody there. */
import type { CommandName } from './commands.ts';

export const commandGroups = {
  'Deployments:': ['preflight', 'verify', 'releases', 'release', 'rollback', 'destroy'],
  'Database:': [
    'migrate',
    'migration-status',
    'backup',
    'list-backups',
    'verify-backup',
    'restore',
    'restore-drill',
    'database-report',
    'explain-statement',
    'mend-database',
    'purge-expired',
  ],
  'Looking:': ['status', 'metrics', 'logs', 'events', 'retry-events', 'try-alarms'],
  'When something is wrong:': ['doctor', 'diagnose', 'dead-letters', 'maintenance'],
  'Security:': [
    'rotate-signing-keys',
    'rotate-database-password',
    'revoke-tokens',
    'block',
    'unblock',
    'list-blocks',
    'incident',
    'access-report',
    'audit-log',
  ],
  'Clients and accounts:': [
    'create-client',
    'list-clients',
    'disable-client',
    'create-user',
    'list-users',
    'disable-user',
    'set-password',
    'export-user',
    'delete-user',
  ],
} as const satisfies Readonly<Record<string, readonly CommandName[]>>;
