/** The command that shows the audit log. */
import { shorten } from '../observe/log-lines.ts';
import type { Command } from './commands.ts';
import { readTime } from './log-command.ts';
import { instant, presentMembers, table } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

export const auditLogCommand: Command = {
  acts: 'reads',
  options: [
    { flags: '--since <time>', purpose: 'from then on: 30m, 1h, 2d (default: 1d), or an instant' },
    { flags: '--until <time>', purpose: 'up to then' },
    { flags: '--actor <actor>', purpose: 'only what this one did, as the list shows it' },
    { flags: '--procedure <name>', purpose: 'only runs of this one' },
    { flags: '--incident <id>', purpose: 'only what was done for it' },
    { flags: '--operators', purpose: 'leave out what schedules, deploys and the server itself did' },
  ],
  toInput: ({ since, until, actor, procedure, incident, operators }) =>
    presentMembers({
      ...readTime({ since, until }, Date.now()),
      actor,
      procedure,
      incident,
      operators,
    }),
  pages: 'entries',
  show: ({ entries }) =>
    entries.length === 0
      ? 'There is no entry of that time.'
      : table(
          ['AT', 'ACTOR', 'PROCEDURE', 'OUTCOME', 'REASON', 'DETAIL'],
          entries.map((one: Values) => [
            instant(one.at),
            one.actor,
            one.procedure,
            one.outcome,
            one.reason && shorten(one.reason, 40),
            one.incident_id ? `${one.detail ?? ''} (incident ${one.incident_id})` : one.detail,
          ]),
        ),
  example: 'oauth2ctl audit-log --since 30d --operators --stage production',
};
