/** The command table: for each procedure that the tool offers, its options, the input they make and how its result is shown. */

import { detailStatus } from '../observe/detail-status.ts';
import type { FunctionProcedureName, procedures, ToolProcedureName } from '../procedures.ts';
import type { ToolProcedure } from '../releases/tool.ts';
import { auditLogCommand } from './audit-log-command.ts';
import { backupCommands } from './backup-commands.ts';
import { blockCommands } from './block-commands.ts';
import { atMostOne, chooseOne } from './choose-one.ts';
import { databaseCommands } from './database-commands.ts';
import { retryEventsCommand } from './event-commands.ts';
import { CliFailure } from './exit-codes.ts';
import { maintenanceCommand } from './maintenance-command.ts';
import { type Around, facts, instant, presentMembers, showEnding, table } from './present.ts';
import { purgeCommand } from './purge-command.ts';
import { restoreDrillCommand } from './restore-commands.ts';
import { showDatabaseReport, showMigrationStatus } from './show-database.ts';
import { showStatus } from './show-status.ts';
import { userCommands } from './user-commands.ts';

export interface Option {
  /** As commander writes it: `--redirect-uri <uri>`. */
  readonly flags: string;
  readonly purpose: string;
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: values of options and members of results are as their tables say
type Values = Record<string, any>;

export interface Command {
  /** Positional. */
  readonly argument?: {
    readonly name: string;
    readonly purpose: string;
    readonly optional?: boolean;
    readonly choices?: readonly string[];
  };
  readonly options: readonly Option[];
  /** `planned` shows its plan and acts with `--apply --reason`; `at-once` is a check that leaves nothing behind. */
  readonly acts: 'reads' | 'at-once' | 'planned';
  /** @param readPassword the password on standard input */
  toInput(options: Values, argument: string, readPassword: () => Promise<string>): Values | Promise<Values>;
  /** What the tool itself carries out with these options, instead of the function. */
  instead?(options: Values): ToolProcedure | undefined;
  /** It writes while it runs, and its result shows nothing more. */
  readonly streams?: boolean;
  /** The list of a result that comes in pages. */
  readonly pages?: string;
  show(result: Values, around: Around): string;
  /** Whether the result is good news; bad news has an exit code of its own. */
  isWell?(result: Values): boolean;
  readonly example: string;
}

/** Functions whose row says `command: true`: each needs an entry here, or the types do not fit. */
export type FunctionCommandName = {
  [Name in FunctionProcedureName]: (typeof procedures)[Name]['command'] extends true ? Name : never;
}[FunctionProcedureName];

export type CommandName = FunctionCommandName | ToolProcedureName;

function chooseMethod(options: Values): string | undefined {
  if (!options.public) return options.authMethod;
  if (options.authMethod !== undefined && options.authMethod !== 'none')
    throw new CliFailure(
      'usage',
      `--public means --auth-method none, but --auth-method is ${options.authMethod}: leave one of them out`,
    );
  return 'none';
}

export const functionCommands: Record<FunctionCommandName, Command> = {
  'create-client': {
    acts: 'planned',
    options: [
      { flags: '--name <text>', purpose: 'name that people see on the consent page' },
      {
        flags: '--grant-types <list>',
        purpose: 'comma-separated: authorization_code, refresh_token, client_credentials (default: authorization_code)',
      },
      { flags: '--scope <scope>', purpose: 'scope that the client may have, space-separated in one string' },
      { flags: '--redirect-uri <uri>', purpose: 'where authorization responses may go', repeatable: true },
      { flags: '--post-logout-redirect-uri <uri>', purpose: 'where the browser may go after signing out', repeatable: true },
      {
        flags: '--backchannel-logout-uri <uri>',
        purpose: 'where the client is told that a session ended (https)',
      },
      {
        flags: '--auth-method <method>',
        purpose: 'how the client authenticates (default: client_secret_basic)',
        choices: ['client_secret_basic', 'client_secret_post', 'none'],
      },
      { flags: '--public', purpose: 'a client that can keep no secret; the same as --auth-method none' },
      { flags: '--resource <uri>', purpose: 'resource indicator that it may request (RFC 8707)', repeatable: true },
      { flags: '--no-require-pkce', purpose: 'let a confidential client that checks the nonce do without PKCE' },
      { flags: '--trusted', purpose: 'first-party: no consent page' },
    ],
    toInput: (options) =>
      presentMembers({
        client_name: options.name,
        grant_types: options.grantTypes
          ?.split(',')
          .map((grant: string) => grant.trim())
          .filter(Boolean),
        scope: options.scope,
        redirect_uris: options.redirectUri,
        post_logout_redirect_uris: options.postLogoutRedirectUri,
        backchannel_logout_uri: options.backchannelLogoutUri,
        token_endpoint_auth_method: chooseMethod(options),
        resources: options.resource,
        // Only what was said: PKCE is the default, and a public client must not be told otherwise.
        require_pkce: options.requirePkce === false ? false : undefined,
        trusted: options.trusted,
      }),
    show: (client) =>
      [
        facts([
          ['client_id', client.client_id],
          ['client_secret', client.client_secret],
          ['name', client.client_name],
          ['authentication', client.token_endpoint_auth_method],
          ['grant types', client.grant_types],
          ['scope', client.scope],
          ['redirect URIs', client.redirect_uris],
          ['resources', client.resources],
          ['PKCE', client.require_pkce ? 'required' : 'optional'],
          ['trusted', client.trusted],
        ]),
        ...(client.client_secret ? ['', 'The secret is shown this once: only its digest is kept.'] : []),
      ].join('\n'),
    example:
      'oauth2ctl create-client --name demo --grant-types client_credentials --scope "read write" --apply --reason "a demo" --json',
  },
  'list-clients': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    pages: 'clients',
    show: ({ clients }) =>
      clients.length === 0
        ? 'There are no clients yet: oauth2ctl create-client makes one.'
        : table(
            ['CLIENT ID', 'NAME', 'STATE', 'AUTHENTICATION', 'GRANT TYPES', 'CREATED', 'SCOPE'],
            clients.map((client: Values) => [
              client.client_id,
              client.client_name,
              client.disabled_at ? 'disabled' : client.dynamic ? 'dynamic' : client.trusted ? 'trusted' : 'enabled',
              client.token_endpoint_auth_method,
              client.grant_types,
              instant(client.created_at),
              client.scope,
            ]),
          ),
    example: 'oauth2ctl list-clients',
  },
  'disable-client': {
    acts: 'planned',
    argument: { name: 'client_id', purpose: 'id of the client, as list-clients shows it' },
    options: [],
    toInput: (_options, argument) => ({ client_id: argument }),
    show: (result) => showEnding(['client_id'], result),
    example: 'oauth2ctl disable-client QTxy1rFNwLi5MbdpTEo8HA --apply --reason "its secret leaked"',
  },
  ...userCommands,
  migrate: {
    acts: 'planned',
    options: [],
    toInput: () => ({}),
    show: ({ applied, version, created_partitions }) =>
      facts([
        ['schema version', version],
        ['applied now', applied],
        ['partitions created', created_partitions],
      ]),
    example: 'oauth2ctl migrate --apply --reason "release 1.4.0"',
  },
  'migration-status': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    isWell: ({ state }) => state === 'up to date' || state === 'pending',
    show: showMigrationStatus,
    example: 'oauth2ctl migration-status --stage production',
  },
  'database-report': {
    acts: 'reads',
    options: [],
    toInput: () => ({}),
    isWell: ({ well }) => well === true,
    show: showDatabaseReport,
    example: 'oauth2ctl database-report --stage production',
  },
  ...databaseCommands,
  'audit-log': auditLogCommand,
  'rotate-signing-keys': {
    acts: 'planned',
    options: [{ flags: '--emergency', purpose: 'a key was stolen: replace all keys and withdraw the old ones at once' }],
    toInput: ({ emergency }) => presentMembers({ emergency }),
    show: ({ keys }) =>
      table(
        ['KEY', 'ALGORITHM', 'STATE'],
        keys.map((key: Values) => [key.kid, key.alg, key.state]),
      ),
    example: 'oauth2ctl rotate-signing-keys --emergency --apply --reason "the secret was read by a stranger"',
  },
  'revoke-tokens': {
    acts: 'planned',
    options: [
      {
        flags: '--all',
        purpose: 'of everybody: sign-ins, token families and access tokens, with an emergency rotation of the keys',
      },
      { flags: '--client <client_id>', purpose: 'token families and access tokens of a client' },
      { flags: '--user <username>', purpose: 'sign-ins, token families and access tokens of an account' },
      {
        flags: '--issued-before <instant>',
        purpose: 'of everybody, or of what another option names: issued before an instant such as 2026-11-23T08:30:00Z',
      },
    ],
    toInput: ({ all, client, user, issuedBefore }) => {
      const named = { '--all': all, '--client': client, '--user': user };
      if (atMostOne(named) === 0) chooseOne({ ...named, '--issued-before': issuedBefore });
      return presentMembers({ all, client_id: client, username: user, issued_before: issuedBefore });
    },
    show: (result) =>
      facts([
        ['revoked before', result.revoked_before],
        ['sessions ended', result.ended_sessions],
        ['token families revoked', result.revoked_families],
        ['access tokens revoked', result.revoked_access_tokens ?? 'too many to count'],
        ['new signing keys', result.new_keys],
        ...(result.finished ? [] : [['rows left to mark', result.left ?? 'too many to count'] as const]),
      ]),
    example: 'oauth2ctl revoke-tokens --client QTxy1rFNwLi5MbdpTEo8HA --apply --reason "its tokens are in a public log"',
  },
  ...backupCommands,
  'retry-events': retryEventsCommand,
  ...blockCommands,
  'restore-drill': restoreDrillCommand,
  maintenance: maintenanceCommand,
  'purge-expired': purgeCommand,
  status: {
    acts: 'reads',
    options: [{ flags: '--detailed', purpose: 'with functions, concurrency, database, backups, schedules and alarms' }],
    instead: ({ detailed }) => (detailed ? detailStatus : undefined),
    toInput: () => ({}),
    isWell: (status) => status.healthy === true,
    show: showStatus,
    example: 'oauth2ctl status --stage production --json',
  },
};
