/** The commands that do to the running database what its report asks for, and that show the plan of a statement. */
import type { Command } from './commands.ts';
import { CliFailure } from './exit-codes.ts';
import { facts, presentMembers, size } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: values of options and members of results are as their tables say
type Values = Record<string, any>;

const choices = ['--end-session PID', '--cancel-statement PID', '--vacuum TABLE', '--rebuild-index INDEX'] as const;

function readProcess(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw new CliFailure(
    'usage',
    `${option} is "${given}"; allowed: the number of a process, as oauth2ctl database-report shows it`,
  );
}

function readMend({ endSession, cancelStatement, vacuum, freeze, rebuildIndex }: Values): Values {
  if ([endSession, cancelStatement, vacuum, rebuildIndex].filter((one) => one !== undefined).length !== 1)
    throw new CliFailure('usage', `mend-database takes one of ${choices.join(', ')}; oauth2ctl database-report says which`);
  if (freeze && vacuum === undefined) throw new CliFailure('usage', '--freeze goes with --vacuum alone');
  return presentMembers({
    end_session: readProcess('--end-session', endSession),
    cancel_statement: readProcess('--cancel-statement', cancelStatement),
    vacuum,
    freeze,
    rebuild_index: rebuildIndex,
  });
}

/** From what it was to what it is. */
const fromTo = (before: string | number, after: string | number) => `${before} → ${after}`;

export const databaseCommands = {
  'mend-database': {
    acts: 'planned',
    options: [
      { flags: '--end-session <pid>', purpose: 'end the session of a process that holds locks or an open transaction' },
      { flags: '--cancel-statement <pid>', purpose: 'end what a process is doing, and let it go on' },
      { flags: '--vacuum <table>', purpose: 'give back the room of dead rows; nobody waits for it' },
      { flags: '--freeze', purpose: 'with --vacuum: freeze its rows as well, before Postgres has to' },
      { flags: '--rebuild-index <index>', purpose: 'build an index anew that is bloated, or was not built to its end' },
    ],
    toInput: readMend,
    show: ({ did, what, dead_rows_before, dead_rows, bytes_before, bytes, note }) =>
      facts([
        [did, did === 'nothing' ? note : what],
        ...(dead_rows === undefined ? [] : [['dead rows', fromTo(dead_rows_before, dead_rows)] as const]),
        ...(bytes === undefined ? [] : [['size', fromTo(size(bytes_before), size(bytes))] as const]),
        ...(note === undefined || did === 'nothing' ? [] : [['note', note] as const]),
      ]),
    example: 'oauth2ctl mend-database --end-session 4711 --stage production --apply --reason "it holds a lock for minutes"',
  },
  'explain-statement': {
    acts: 'reads',
    options: [{ flags: '--query <id>', purpose: 'id of the statement, as database-report shows it', required: true }],
    toInput: ({ query }) => {
      if (/^-?\d{1,19}$/.test(query)) return { query_id: query };
      throw new CliFailure(
        'usage',
        `--query is "${query}"; allowed: the id of a statement, as oauth2ctl database-report shows it`,
      );
    },
    show: ({ statement, plan }) => `${statement.replace(/\s+/g, ' ').trim()}\n\n${plan.join('\n')}`,
    example: 'oauth2ctl explain-statement --query 5381743821769345234 --stage production',
  },
} as const satisfies Record<string, Command>;
