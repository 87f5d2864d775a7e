/** The commands that the tool carries out itself: their options, what does it, and how the result is shown. */

import { handleIncident } from '../incident/incident.ts';
import { rotateDatabasePassword } from '../incident/rotate-database-password.ts';
import { reportAccess } from '../observe/access-report.ts';
import { dealWithDeadLetters } from '../observe/dead-letters.ts';
import { diagnose } from '../observe/diagnose.ts';
import { examine } from '../observe/doctor.ts';
import { showEvents } from '../observe/events.ts';
import { showLogs } from '../observe/logs.ts';
import { measureStage } from '../observe/metrics.ts';
import { nameReceiver } from '../observe/receivers.ts';
import { tryAlarms } from '../observe/try-alarms.ts';
import type { ToolProcedureName } from '../procedures.ts';
import { restoreDatabase } from '../recovery/restore.ts';
import { destroyStage } from '../releases/destroy.ts';
import { preflight } from '../releases/preflight.ts';
import { putRelease } from '../releases/release.ts';
import { listStageReleases } from '../releases/releases.ts';
import { rollBack } from '../releases/rollback.ts';
import type { ToolProcedure } from '../releases/tool.ts';
import { verifyStage } from '../releases/verify.ts';
import type { Command } from './commands.ts';
import { eventsCommand } from './event-commands.ts';
import { CliFailure } from './exit-codes.ts';
import { incidentCommand } from './incident-command.ts';
import { logCommand, readSince } from './log-command.ts';
import { type Around, facts, instant, table } from './present.ts';
import { restoreCommand } from './restore-commands.ts';
import { showComparison, showMetrics } from './show-metrics.ts';
import { showAccess, showDiagnosis } from './show-observations.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

export const toolProcedures: Record<ToolProcedureName, ToolProcedure> = {
  preflight,
  verify: verifyStage,
  doctor: examine,
  'access-report': reportAccess,
  metrics: measureStage,
  diagnose,
  logs: showLogs,
  events: showEvents,
  'dead-letters': dealWithDeadLetters,
  'try-alarms': tryAlarms,
  releases: listStageReleases,
  release: putRelease,
  incident: handleIncident,
  'rotate-database-password': rotateDatabasePassword,
  restore: restoreDatabase,
  destroy: destroyStage,
  rollback: rollBack,
};

function showFindings({ checks, well }: Values, { stage, advise }: Around): string {
  const rows = checks.map(({ name, verdict, detail }: Values) => [verdict, name, advise(detail)]);
  return [
    `Stage ${stage}.`,
    '',
    table(['VERDICT', 'CHECK', 'FOUND'], rows),
    '',
    well ? 'All is well.' : 'NOT WELL: see above.',
  ].join('\n');
}

function showMoved({ note, release, from, moved, stays = [], gone = [], audit_log }: Values): string {
  if (note) return note;
  if (moved === 0 && !audit_log) return `Release ${release} is in place already: nothing was moved.`;
  return facts([
    ['release', release],
    ['before', from],
    ['aliases moved', moved],
    ['left as they are', stays],
    ['skipped, gone', gone],
    ['audit log', audit_log],
  ]);
}

function showDeadLetters({ note, taken_out, left }: Values): string {
  if (note) return note;
  const rows = taken_out.map(({ what, at, why }: Values) => [what, instant(at), why]);
  const head = rows.length === 0 ? [] : [table(['TAKEN OUT', 'OF', 'WHY IT WAS GIVEN UP'], rows), ''];
  return [...head, left === 0 ? 'The queues are empty.' : `${left} are left.`].join('\n');
}

function showTrial({ note, alarms }: Values): string {
  if (note) return note;
  const rows = alarms.map(({ alarm, severity, outcome, receivers }: Values) => [
    alarm,
    severity,
    outcome,
    receivers
      .filter(({ confirmed }: Values) => confirmed)
      .map(nameReceiver)
      .join(', ') || 'nobody',
  ]);
  return table(['ALARM', 'SEVERITY', 'CLOUDWATCH', 'TELLS'], rows);
}

function showReleases({ note, releases, live, moves }: Values): string {
  if (note) return note;
  if (releases.length === 0) return 'There is no release yet: a deploy records the first one.';
  const rows = releases.map((one: Values) => [
    one.number === live ? `${one.number} live` : String(one.number),
    one.release,
    one.commit,
    instant(one.time),
    String(one.schema_version),
    String(Object.keys(one.functions).length),
  ]);
  const list = table(['RELEASE', 'NAME', 'COMMIT', 'DEPLOYED', 'MIGRATION', 'FUNCTIONS'], rows);
  if (moves.length === 0) return list;
  const moved = moves.map((move: Values) => [
    instant(move.started),
    `${move.from ?? '–'} → ${move.to}`,
    move.outcome,
    move.actor,
    move.reason,
  ]);
  return `${list}\n\n${table(['MOVED', 'RELEASES', 'OUTCOME', 'BY', 'WHY'], moved)}`;
}

function showDestroyed({ note, deleted, left, kept, backup, audit_log }: Values): string {
  if (note) return note;
  if (deleted.length === 0 && left.length === 0) return 'There is nothing of this stage in this account and region.';
  const stays = Object.entries(kept).map(([type, count]) => `${count} × ${type}`);
  return facts([
    ['deleted', deleted],
    ['left as they are', left],
    ['kept of the deleted', stays],
    ['backup', backup],
    ['audit log', audit_log],
  ]);
}

function readNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new CliFailure('usage', `--to is "${text}"; allowed: the number of a release, as oauth2ctl releases shows it`);
}

export const toolCommands: Record<ToolProcedureName, Command> = {
  preflight: {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    isWell: ({ well }) => well === true,
    show: showFindings,
    example: 'oauth2ctl preflight --stage production',
  },
  verify: {
    acts: 'at-once',
    options: [],
    toInput: () => ({}),
    isWell: ({ well }) => well === true,
    show: showFindings,
    example: 'oauth2ctl verify --stage production',
  },
  doctor: {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    isWell: ({ well }) => well === true,
    show: showDiagnosis,
    example: 'oauth2ctl doctor --stage production',
  },
  'access-report': {
    acts: 'reads',
    options: [{ flags: '--since <time>', purpose: 'from then on: 30m, 1h, 2d (default: 1d), or an instant' }],
    toInput: ({ since = '1d' }) => ({ since: readSince(since, Date.now()) }),
    show: showAccess,
    example: 'oauth2ctl access-report --since 7d --stage production',
  },
  metrics: {
    acts: 'reads',
    options: [{ flags: '--since <time>', purpose: 'from then on: 30m, 1h, 2d (default: 1h), or an instant' }],
    toInput: ({ since = '1h' }) => ({ since: readSince(since, Date.now()) }),
    isWell: ({ well }) => well === true,
    show: showMetrics,
    example: 'oauth2ctl metrics --since 6h --stage production',
  },
  diagnose: {
    acts: 'reads',
    options: [
      {
        flags: '--since <time>',
        purpose: 'when it began: 30m, 1h, 2d ago (default: 1h), or an instant; compared with as long before it',
      },
    ],
    toInput: ({ since = '1h' }) => ({ since: readSince(since, Date.now()) }),
    isWell: ({ well }) => well === true,
    show: showComparison,
    example: 'oauth2ctl diagnose --since 30m --stage production',
  },
  logs: logCommand,
  events: eventsCommand,
  releases: {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    show: showReleases,
    example: 'oauth2ctl releases --stage production',
  },
  release: {
    acts: 'planned',
    options: [{ flags: '--to <number>', purpose: 'the release to put in place', required: true }],
    toInput: ({ to }) => ({ to: readNumber(to) }),
    show: showMoved,
    example: 'oauth2ctl release --to 12 --stage production --apply --reason "13 answers slowly"',
  },
  incident: incidentCommand,
  'rotate-database-password': {
    acts: 'planned',
    options: [],
    toInput: () => ({}),
    isWell: ({ ready }) => ready === true,
    show: (result) =>
      facts([
        ['administrator', result.username],
        ['version of the secret', result.version],
        ['before', result.former_version],
        ['password of before', result.former_password],
        ['audit log', result.audit_log],
        ['ready', result.ready],
      ]),
    example: 'oauth2ctl rotate-database-password --stage production --apply --reason "somebody who knew it has left"',
  },
  'dead-letters': {
    acts: 'planned',
    options: [],
    toInput: () => ({}),
    show: showDeadLetters,
    example: 'oauth2ctl dead-letters --stage production --apply --reason "mended, and run again by hand"',
  },
  'try-alarms': {
    acts: 'planned',
    options: [],
    toInput: () => ({}),
    isWell: ({ well }) => well !== false,
    show: showTrial,
    example: 'oauth2ctl try-alarms --stage production --apply --reason "a new quarter"',
  },
  restore: restoreCommand,
  destroy: {
    acts: 'planned',
    options: [{ flags: '--confirm <stage>', purpose: 'name of the stage once more, where it keeps data' }],
    toInput: ({ confirm }) => (confirm === undefined ? {} : { confirm }),
    show: showDestroyed,
    example: 'oauth2ctl destroy --stage dev --apply --reason "the trial is over"',
  },
  rollback: {
    acts: 'planned',
    options: [],
    toInput: () => ({}),
    show: showMoved,
    example: 'oauth2ctl rollback --stage production --apply --reason "error rate above 5 % since the deploy"',
  },
};
