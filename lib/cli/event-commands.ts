/** The commands about events: their options, and the input they make. */
import { eventTypeNames } from '../event-types.ts';
import type { Command, Option } from './commands.ts';
import { CliFailure } from './exit-codes.ts';
import { readSince, readTime } from './log-command.ts';
import { facts } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options are as they were declared
type Values = Record<string, any>;

const which: readonly Option[] = [
  { flags: '--type <type>', purpose: 'only of this type', repeatable: true },
  { flags: '--subject <subject>', purpose: 'only about users/SUBJECT, clients/CLIENT_ID, addresses/RANGE or signing-keys' },
];

function readSelection({ type, subject }: Values): Values {
  const unknown = type?.find((one: string) => !one.includes('.') && !(eventTypeNames as readonly string[]).includes(one));
  if (unknown !== undefined)
    throw new CliFailure(
      'usage',
      `--type is "${unknown}"; allowed: ${eventTypeNames.join(', ')}, and types of other producers, which have a dot`,
    );
  return { ...(type !== undefined && { types: type }), ...(subject !== undefined && { subject }) };
}

function readTail(tail: string): number {
  if (/^\d{1,4}$/.test(tail) && Number(tail) >= 1 && Number(tail) <= 1000) return Number(tail);
  throw new CliFailure('usage', `--tail is "${tail}"; allowed: a whole number from 1 to 1000`);
}

export const eventsCommand: Command = {
  acts: 'reads',
  streams: true,
  options: [
    ...which,
    { flags: '--since <time>', purpose: 'from then on: 30m, 1h, 2d, or an instant such as 2026-11-23T08:30:00Z' },
    { flags: '--tail <number>', purpose: 'only the last so many (default: 100 of the last hour, where no --since is given)' },
    { flags: '--set-aside', purpose: 'only those that failed too often to be tried again' },
    { flags: '--follow', purpose: 'go on showing what comes, until Ctrl-C' },
  ],
  toInput: (options) => {
    const { since, tail, setAside, follow } = options;
    if (setAside && follow)
      throw new CliFailure('usage', '--follow does not go with --set-aside: nothing is set aside when it comes');
    return {
      ...readSelection(options),
      ...(since !== undefined && { since: new Date(readSince(since, Date.now())).toISOString() }),
      ...(tail !== undefined && { tail: readTail(tail) }),
      ...(setAside && { set_aside: true }),
      ...(follow && { follow: true }),
    };
  },
  show: () => '',
  example: 'oauth2ctl events --follow --type user_authentication_failed',
};

export const retryEventsCommand: Command = {
  acts: 'planned',
  options: [
    ...which,
    {
      flags: '--since <time>',
      purpose: 'with --until: those of this time that were delivered, instead of those that were set aside',
    },
    { flags: '--until <time>', purpose: 'end of that time' },
  ],
  toInput: ({ since, until, ...selection }) => {
    if ((since === undefined) !== (until === undefined))
      throw new CliFailure('usage', 'give both --since and --until, or neither');
    return { ...readSelection(selection), ...readTime({ since, until }, Date.now()) };
  },
  show: ({ retried, left_from }) =>
    facts([['to be sent again', retried], ...(left_from ? [['left from', left_from] as const] : [])]),
  example: 'oauth2ctl retry-events --stage production --apply --reason "the bus is back"',
};
