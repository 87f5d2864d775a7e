/** The rows of the procedure table that are about the database as a whole: its upkeep, its backups and its restores. */
import type { Procedure } from './procedure.ts';

export const databaseProcedures = {
  maintenance: {
    // The owner of the database changes its settings.
    needs: ['database', 'schema'],
    writes: true,
    command: true,
    purpose: 'Turn maintenance mode on or off: what writes is answered 503, what reads goes on',
  },
  'migration-status': {
    needs: ['database', 'migrations'],
    writes: false,
    command: true,
    purpose: 'Show the last migrations, what is pending, and what a failed one left',
  },
  'database-report': {
    needs: ['database'],
    writes: false,
    command: true,
    purpose: 'Report how the database is doing and what to change',
  },
  'explain-statement': {
    // As the owner: to have a statement planned, one needs the rights to run it.
    needs: ['database', 'schema'],
    writes: false,
    command: true,
    purpose: 'Show how Postgres carries out a slow statement',
  },
  'mend-database': {
    needs: ['database', 'schema'],
    writes: true,
    command: true,
    // Lambda's own limit.
    seconds: 900,
    purpose: 'End a session, vacuum a table, or rebuild an index',
  },
  backup: {
    needs: ['database', 'dump', 'backups', 'backups-write', 'postgres-programs'],
    writes: true,
    command: true,
    schedule: 'cron(0 2 * * ? *)',
    schedule_input: { kind: 'daily' },
    further_schedules: [{ name: 'monthly', schedule: 'cron(0 3 1 * ? *)', input: { kind: 'monthly' } }],
    // Lambda's own limit, with what the step of a deploy takes that waits for it.
    seconds: 870,
    memory_mib: 2048,
    purpose: 'Back the database up, and read the backup back',
  },
  'list-backups': { needs: ['backups'], writes: false, command: true, seconds: 60, purpose: 'List the backups of the database' },
  'verify-backup': {
    needs: ['backups', 'postgres-programs'],
    writes: false,
    command: true,
    seconds: 870,
    memory_mib: 2048,
    purpose: 'Read a backup and check that it is what was written',
  },
  'restore-step': {
    needs: ['database', 'schema', 'backups', 'trail', 'postgres-programs'],
    writes: true,
    command: false,
    occasion: 'in `restore`, step by step',
    seconds: 870,
    memory_mib: 2048,
    purpose: 'Carry out a step of a restore, or take all of them back',
  },
  'rewind-step': {
    // Without the database: it asks RDS alone, which no subnet of the database reaches.
    needs: ['instances'],
    writes: false,
    command: false,
    occasion: 'in `restore --to-time`, step by step',
    purpose: 'Make an instance as the database was at an instant, and remove it again',
  },
  'restore-drill': {
    needs: ['database', 'schema', 'backups', 'postgres-programs'],
    writes: true,
    command: true,
    schedule: 'cron(0 4 2 * ? *)',
    seconds: 870,
    memory_mib: 2048,
    purpose: 'Restore the newest backup into a database that is thrown away, and time it',
  },
  'discard-restored': {
    needs: ['database', 'schema'],
    writes: true,
    command: false,
    occasion: 'with `restore --discard`',
    seconds: 300,
    purpose: 'Remove the databases that restores have kept',
  },
  'purge-expired': {
    needs: ['database', 'schema'],
    writes: true,
    command: true,
    schedule: 'rate(1 hour)',
    seconds: 300,
    purpose: 'Drop expired data and prepare the partitions ahead',
  },
} as const satisfies Record<string, Procedure>;
