/** The command `incident`: its phases, their options and how what was done is shown. */
import { readWhom } from './block-commands.ts';
import type { Command, Option } from './commands.ts';
import { readDuration } from './duration.ts';
import { CliFailure } from './exit-codes.ts';
import { table } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options are as they were declared
type Values = Record<string, any>;

const phases = ['open', 'contain', 'eradicate', 'recover', 'report'];

function readRelease(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new CliFailure('usage', `--release is "${text}"; allowed: the number of a release, as oauth2ctl releases shows it`);
}

const options: readonly Option[] = [
  { flags: '--id <id>', purpose: 'the incident, 3 to 61 letters, digits and - (default: the one that is open)' },
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
];

/** What a phase may be told to do, of which at least one is wanted. */
const acts: Readonly<Record<string, readonly string[]>> = {
  contain: ['--client', '--user', '--address', '--maintenance'],
  eradicate: ['--client', '--user', '--database-password', '--keys', '--all-tokens'],
};

const givenAs = (given: Values, flag: string): unknown =>
  given[flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];

/** @throws {CliFailure} usage, for an option of another phase, or where nothing says what to do */
function checkOptions(given: Values, phase: string): void {
  for (const { flags, purpose } of options) {
    const [flag = ''] = flags.split(' ');
    // Its purpose begins with the phases that it goes with.
    const own = [...purpose.matchAll(/\b(open|contain|eradicate|recover): /g)].map(([, name]) => name);
    if (own.length > 0 && !own.includes(phase) && givenAs(given, flag) !== undefined)
      throw new CliFailure('usage', `${flag} goes with ${own.join(' and ')}, not with ${phase}`);
  }
  const wanted = acts[phase] ?? [];
  if (wanted.length > 0 && wanted.every((flag) => givenAs(given, flag) === undefined))
    throw new CliFailure('usage', `say what ${phase} is to do: ${wanted.join(', ')}`);
}

export const incidentCommand: Command = {
  acts: 'planned',
  argument: { name: 'phase', purpose: 'in this order', choices: phases },
  options,
  toInput: (given, phase) => {
    checkOptions(given, phase);
    const input = {
      phase,
      id: given.id,
      severity: given.severity,
      owner: given.owner,
      note: given.note,
      ...readWhom(given),
      seconds: given.for === undefined ? undefined : readDuration('--for', given.for),
      maintenance: given.maintenance,
      database_password: given.databasePassword,
      keys: given.keys,
      all_tokens: given.allTokens,
      release: given.release === undefined ? undefined : readRelease(given.release),
      lift_blocks: given.liftBlocks,
      close: given.close,
      force: given.force,
    };
    return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
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
