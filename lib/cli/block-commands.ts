/** The commands about blocks: their options, the input they make and how the result is shown. */
import { atMostOne, chooseOne } from './choose-one.ts';
import type { Command, Option } from './commands.ts';
import { readDuration } from './duration.ts';
import { facts, instant, table } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options and members of results are as their tables say
type Values = Record<string, any>;

const whom: readonly Option[] = [
  { flags: '--client <client_id>', purpose: 'a client' },
  { flags: '--user <username>', purpose: 'an end-user account' },
  {
    flags: '--address <range>',
    purpose: 'an address or a range of them, IPv4 or IPv6: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32',
  },
];

export const readWhom = ({ client, user, address }: Values): Values => ({
  ...(client !== undefined && { client_id: client }),
  ...(user !== undefined && { username: user }),
  ...(address !== undefined && { address }),
});

const named = ({ client, user, address }: Values) => ({ '--client': client, '--user': user, '--address': address });

/** @throws {CliFailure} where not exactly one is named */
function readOne(options: Values): Values {
  chooseOne(named(options));
  return readWhom(options);
}

export const blockCommands: Record<'block' | 'unblock' | 'list-blocks', Command> = {
  block: {
    acts: 'planned',
    options: [
      ...whom,
      { flags: '--for <duration>', purpose: 'ends by itself after this: 30m, 24h, 7d (default: when it is lifted)' },
    ],
    toInput: (options) => ({
      ...readOne(options),
      ...(options.for !== undefined && { seconds: readDuration('--for', options.for) }),
      why: options.reason ?? 'not said yet',
    }),
    show: (result) =>
      facts([
        ['blocked', `${result.kind} ${result.target}`],
        ['until', result.expires_at === null ? 'it is lifted' : instant(result.expires_at)],
        ...(result.kind === 'address'
          ? [['in force', 'within 30 seconds'] as const]
          : [
              ['token families revoked', result.revoked_families] as const,
              ['access tokens revoked', result.revoked_access_tokens] as const,
            ]),
      ]),
    example: 'oauth2ctl block --address 203.0.113.0/24 --for 24h --apply --reason "guesses client secrets"',
  },
  unblock: {
    acts: 'planned',
    options: whom,
    // Without one it lifts the blocks that are over.
    toInput: (options) => {
      atMostOne(named(options));
      return readWhom(options);
    },
    show: ({ lifted }) => (lifted.length === 0 ? 'Nothing was blocked.' : `Let in again: ${lifted.join(', ')}`),
    example: 'oauth2ctl unblock --address 203.0.113.0/24 --apply --reason "the network was cleaned up"',
  },
  'list-blocks': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    pages: 'blocks',
    show: ({ blocks }) =>
      blocks.length === 0
        ? 'Nothing is blocked.'
        : table(
            ['KIND', 'WHOM', 'NAME', 'SINCE', 'UNTIL', 'WHY'],
            blocks.map((one: Values) => [
              one.kind,
              one.target,
              one.name,
              instant(one.blocked_at),
              one.expires_at === null ? 'lifted' : instant(one.expires_at),
              one.reason,
            ]),
          ),
    example: 'oauth2ctl list-blocks',
  },
};
