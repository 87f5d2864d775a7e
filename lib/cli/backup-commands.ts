/** The commands about backups. */
import { describeTrend, findTrend, type MeasuredBackup } from '../observe/backup-trend.ts';
import type { Command } from './commands.ts';
import { facts, instant, size, table } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

/** What an operator may take by hand; the others belong to the schedule and to other procedures. */
const kinds = ['manual', 'monthly'];

function trendOf(backups: readonly MeasuredBackup[]): string[] {
  const trend = findTrend(backups);
  return trend ? ['', `Growth: ${describeTrend(trend)}`] : [];
}

export const backupCommands: Record<'backup' | 'list-backups' | 'verify-backup', Command> = {
  backup: {
    acts: 'planned',
    options: [
      {
        flags: '--kind <kind>',
        purpose: 'how long it is kept: as long as a daily one, or as a monthly one in the archive (default: manual)',
        choices: kinds,
      },
    ],
    toInput: ({ kind }) => (kind === undefined ? {} : { kind }),
    show: (made) =>
      [
        facts([
          ['backup', made.backup_id],
          ['kind', made.kind],
          ['taken at', instant(made.taken_at)],
          ['size', size(made.bytes)],
          ['sha256', made.sha256],
          ['seconds', made.seconds],
          ['Postgres', made.postgres_version],
          ['schema version', made.schema_version],
          ['entries', made.entries],
          ['read back', instant(made.verified_at)],
        ]),
        '',
        table(
          ['TABLE', 'ROWS', 'DIGEST'],
          made.tables.map(({ name, rows, digest }: Values) => [name, rows, digest]),
        ),
        '',
        `Backup successful: ${made.backup_id}`,
      ].join('\n'),
    example: 'oauth2ctl backup --apply --reason "before the release 1.4.0" --stage production',
  },
  'list-backups': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    show: ({ backups, unfinished }) =>
      [
        backups.length === 0
          ? 'There are no backups yet: oauth2ctl backup takes one.'
          : table(
              ['BACKUP', 'KIND', 'TAKEN AT', 'SIZE', 'ROWS', 'SCHEMA', 'SECONDS', 'READ BACK', 'RELEASE'],
              backups.map((one: Values) => [
                one.backup_id,
                one.kind,
                instant(one.taken_at),
                size(one.bytes),
                one.rows,
                one.schema_version,
                one.seconds,
                instant(one.verified_at),
                one.release,
              ]),
            ),
        ...trendOf(backups),
        ...(unfinished.length === 0 ? [] : ['', `Not finished, and no backups: ${unfinished.join(', ')}`]),
      ].join('\n'),
    example: 'oauth2ctl list-backups --stage production',
  },
  'verify-backup': {
    acts: 'reads',
    argument: { name: 'backup_id', purpose: 'id of the backup, as list-backups shows it (default: the newest)', optional: true },
    options: [],
    toInput: (_options, argument) => (argument === '' ? {} : { backup_id: argument }),
    show: (found) =>
      facts([
        ['backup', found.backup_id],
        ['taken at', instant(found.taken_at)],
        ['size', size(found.bytes)],
        ['sha256', `${found.sha256}, as it was written`],
        ['entries', found.entries],
        ['tables', found.tables],
        ['rows', found.rows],
        ['seconds', found.seconds],
        ['copy', found.copy ?? 'the stage keeps none in a second region'],
      ]),
    example: 'oauth2ctl verify-backup oauth2-20261125T020000Z --stage production',
  },
};
