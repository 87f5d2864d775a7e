/** The commands about end-user accounts. */
import type { Command, Option } from './commands.ts';
import { facts, instant, presentMembers, showEnding, table } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as their tables say
type Values = Record<string, any>;

const passwordOption: Option = {
  flags: '--password-stdin',
  purpose: 'read the password from standard input: at least 8 characters',
  required: true,
};

const endings = (result: Values): (readonly [string, number])[] => [
  ['sessions ended', result.ended_sessions],
  ['token families revoked', result.revoked_families],
  ['access tokens revoked', result.revoked_access_tokens],
];

export const userCommands = {
  'create-user': {
    acts: 'planned',
    options: [
      { flags: '--username <name>', purpose: 'name to sign in with; upper and lower case are not told apart', required: true },
      { flags: '--email <address>', purpose: 'email address' },
      passwordOption,
    ],
    toInput: async (options, _argument, readPassword) =>
      presentMembers({ username: options.username, email: options.email, password: await readPassword() }),
    show: (user) =>
      facts([
        ['subject', user.subject],
        ['username', user.username],
        ['email', user.email],
      ]),
    example:
      'printf %s "$PASSWORD" | oauth2ctl create-user --username demo --email demo@example.com --password-stdin --apply --reason "a demo"',
  },
  'list-users': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    pages: 'users',
    show: ({ users }) =>
      users.length === 0
        ? 'There are no accounts yet: oauth2ctl create-user makes one.'
        : table(
            ['USERNAME', 'EMAIL', 'STATE', 'CREATED', 'SUBJECT'],
            users.map((user: Values) => [
              user.username,
              user.email,
              user.disabled_at ? 'disabled' : user.has_password ? 'enabled' : 'no password',
              instant(user.created_at),
              user.subject,
            ]),
          ),
    example: 'oauth2ctl list-users',
  },
  'disable-user': {
    acts: 'planned',
    argument: { name: 'username', purpose: 'name of the account, as list-users shows it' },
    options: [],
    toInput: (_options, argument) => ({ username: argument }),
    show: (result) => showEnding(['username', 'subject'], result),
    example: 'oauth2ctl disable-user demo --apply --reason "left the company"',
  },
  'set-password': {
    acts: 'planned',
    argument: { name: 'username', purpose: 'name of the account, as list-users shows it, or its subject' },
    options: [passwordOption],
    toInput: async (_options, argument, readPassword) => ({ username: argument, password: await readPassword() }),
    show: (result) =>
      facts([
        ['username', result.username],
        ['subject', result.subject],
        ['password changed at', instant(result.password_changed_at)],
        ...endings(result),
      ]),
    example: 'printf %s "$PASSWORD" | oauth2ctl set-password demo --password-stdin --apply --reason "the one before leaked"',
  },
  'export-user': {
    acts: 'planned',
    argument: { name: 'username', purpose: 'name of the account, as list-users shows it, or its subject' },
    options: [],
    toInput: (_options, argument) => ({ username: argument }),
    // For a machine or for the person: there is no shorter form of everything.
    show: (result) => JSON.stringify(result, null, 2),
    example: 'oauth2ctl export-user demo --apply --reason "request of 25 November" > demo.json',
  },
  'delete-user': {
    acts: 'planned',
    argument: { name: 'username', purpose: 'name of the account, as list-users shows it, or its subject' },
    options: [],
    toInput: (_options, argument) => ({ username: argument }),
    show: (result) => facts([['subject', result.subject], ['deleted at', instant(result.deleted_at)], ...endings(result)]),
    example: 'oauth2ctl delete-user demo --apply --reason "request of 25 November"',
  },
} as const satisfies Record<string, Command>;
