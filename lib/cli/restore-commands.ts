/** The commands that restore the database, and try that it can be. */
import { instant as instantInput } from '../ops/input.ts';
import { backupIdForm } from '../restore-states.ts';
import type { Command } from './commands.ts';
import { CliFailure } from './exit-codes.ts';
import { facts, instant } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options and members of results are as their tables say
type Values = Record<string, any>;

function readChoice({ backup, toTime, discard }: Values): Values {
  const given = [backup, toTime, discard].filter((value) => value !== undefined);
  if (given.length !== 1)
    throw new CliFailure(
      'usage',
      'say one of --backup ID, --to-time INSTANT and --discard; oauth2ctl list-backups shows the ids',
    );
  if (discard) return { discard: true };
  if (toTime !== undefined) {
    if (!instantInput.accepts(toTime))
      throw new CliFailure('usage', `--to-time is "${toTime}"; allowed: ${instantInput.allowed}`);
    return { to_time: toTime };
  }
  if (!backupIdForm.test(backup))
    throw new CliFailure('usage', `--backup is "${backup}"; allowed: the id of a backup, as oauth2ctl list-backups shows it`);
  return { backup_id: backup };
}

const byTable = (counts: Values) => Object.entries(counts).map(([table, count]) => `${table} ${count}`);

const changes = (changed: Values) => byTable(Object.fromEntries(Object.entries(changed).filter(([, count]) => count > 0)));

function nameWithoutPassword({ accounts, first }: Values): string {
  return [accounts, ...(accounts > 0 ? [`: ${first.join(', ')}`] : []), ...(accounts > first.length ? [', …'] : [])].join('');
}

function showRestored(result: Values): string {
  if (result.dropped) return result.dropped.length === 0 ? 'Nothing was kept.' : `Dropped: ${result.dropped.join(', ')}`;
  return facts([
    ['restored from', result.backup_id],
    ['as of', instant(result.taken_at)],
    ['tables', result.tables],
    ['rows, all as in the manifest', result.rows],
    ['of them', byTable(result.rows_of)],
    ['migrated', result.migrated],
    ['revocations since, from', result.revocations],
    ['ended or changed by that', changes(result.changed)],
    ['clients', result.clients],
    ['users', result.users],
    ['sessions', result.sessions],
    ['token families', result.families],
    ['access tokens', result.access_tokens],
    ...(result.without_password === undefined
      ? []
      : [['accounts without a password', nameWithoutPassword(result.without_password)] as const]),
    ['schema version', result.schema_version],
    result.unsaved === undefined
      ? ['safety backup', result.safety_backup]
      : ['no safety backup', `${result.unsaved}; the database of before is kept as ${result.kept}, the only copy of it`],
    ['the database of before', result.kept],
    ...(result.left === undefined ? [] : [['an instance is left, remove it', result.left] as const]),
    ['ready', result.ready],
  ]);
}

export const restoreCommand: Command = {
  acts: 'planned',
  options: [
    { flags: '--backup <id>', purpose: 'the backup to restore, as list-backups shows it' },
    { flags: '--to-time <instant>', purpose: 'the instant to go back to, instead of a backup, such as 2026-11-25T08:30:00Z' },
    { flags: '--discard', purpose: 'drop the databases that restores have kept' },
  ],
  toInput: readChoice,
  isWell: ({ ready, dropped }) => dropped !== undefined || ready === true,
  show: showRestored,
  example: 'oauth2ctl restore --backup oauth2-20261125T020000Z --stage production --apply --reason "a script deleted clients"',
};

export const restoreDrillCommand: Command = {
  acts: 'planned',
  options: [{ flags: '--backup <id>', purpose: 'the backup to try (default: the newest)' }],
  toInput: ({ backup }) => (backup === undefined ? {} : { backup_id: backup }),
  show: (result) =>
    facts([
      ['backup', result.backup_id],
      ['tables', result.tables],
      ['rows, all as in the manifest', result.rows],
      ['of them', byTable(result.rows_of)],
      ['migrated', result.migrated],
      ['recovery time, s', result.recovery_time_seconds],
      ['recovery point, s', result.recovery_point_seconds],
    ]),
  example: 'oauth2ctl restore-drill --stage staging --apply --reason "quarterly drill"',
};
