/** The command `incident`: its phases, their options and how what was done is shown. */
import { readWhom } from './block-commands.ts';
import type { Command } from './commands.ts';
import { readDuration } from './duration.ts';
import { CliFailure } from './exit-codes.ts';
import { table } from './present.ts';

const phases = ['open', 'contain', 'eradicate', 'recover', 'report'];

function readRelease(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new CliFailure('usage', `--release is "${text}"; allowed: the number of a release, as oauth2ctl releases shows it`);
}

export const incidentCommand: Command = {
  acts: 'planned',
  argument: { name: 'phase', purpose: 'in this order', choices: phases },
  options: [
    { flags: '--id <id>', purpose: 'the incident (default: the one that is open)' },
    { flags: '--severity <level>', purpose: 'open: how bad it is', choices: ['low', 'medium', 'high', 'critical'] },
    { flags: '--owner <name>', purpose: 'open: who leads' },
    { flags: '--note <text>', purpose: 'open: what is known' },
    { flags: '--client <client_id>', purpose: 'contain: block it; eradicate: revoke its tokens' },
    { flags: '--user <username>', purpose: 'contain: block the account; eradicate: revoke its tokens' },
    { flags: '--address <range>', purpose: 'contain: block an address or a range' },
    { flags: '--for <duration>', purpose: 'contain: the blocks end by themselves after this: 30m, 24h, 7d' },
    { flags: '--maintenance', purpose: 'contain: answer everything that writes with 503; recover turns it off' },
    { flags: '--database-password', purpose: "eradicate: replace the database administrator's password" },
    { flags: '--keys', purpose: 'eradicate: replace the signing keys, withdraw the old ones at once' },
    { flags: '--all-tokens', purpose: 'eradicate: revoke every token and end every sign-in, with --keys' },
    { flags: '--release <number>', purpose: 'recover: put a known-good release in place' },
    { flags: '--lift-blocks', purpose: 'recover: let in again whom this incident has blocked' },
    { flags: '--close', purpose: 'recover: close the incident once the stage was found well' },
    { flags: '--force', purpose: 'leave the order of the phases' },
  ],
  toInput: (options, phase) => {
    const given = {
      phase,
      id: options.id,
      severity: options.severity,
      owner: options.owner,
      note: options.note,
      ...readWhom(options),
      seconds: options.for === undefined ? undefined : readDuration('--for', options.for),
      maintenance: options.maintenance,
      database_password: options.databasePassword,
      keys: options.keys,
      all_tokens: options.allTokens,
      release: options.release === undefined ? undefined : readRelease(options.release),
      lift_blocks: options.liftBlocks,
      close: options.close,
      force: options.force,
    };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  },
  isWell: ({ well }) => well !== false,
  show: (result) =>
    result.markdown ??
    [
      `Incident ${result.incident_id}, phase ${result.phase}`,
      table(
        ['OUTCOME', 'STEP'],
        result.taken.map(({ outcome, step }: { outcome: string; step: string }) => [outcome, step]),
      ),
    ].join('\n'),
  example: 'oauth2ctl incident contain --client QTxy1rFNwLi5MbdpTEo8HA --apply --reason "its secret leaked"',
};
