/** What happened to a stage in a span of time: releases and moves, what operators did, what the database says of itself. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { logGroups } from '../log-queries.ts';
import { listMoves, listReleases } from '../releases/ledger.ts';
import { verifying } from '../releases/throw-away-client.ts';
import { type ToolContext, withClients } from '../releases/tool.ts';
import { instanceName } from '../stages.ts';
import type { Happening } from './circumstances.ts';
import { shorten } from './log-lines.ts';
import type { Act } from './measured.ts';
import { readLogs, type Window } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

const within = ({ from, to }: Window, instant: string) => Date.parse(instant) >= from && Date.parse(instant) <= to;

/** A local instance has one release, the working tree. */
async function readReleases({ stage }: ToolContext, window: Window): Promise<Happening[]> {
  if (stage === 'local') return [];
  return withClients(async ({ ssm }) => {
    const [releases, moves] = [await listReleases(ssm, stage), await listMoves(ssm, stage)];
    return [
      ...releases.map(
        ({ number, release, commit, time }): Happening => ({
          at: time,
          kind: 'release',
          what: `release ${number} was deployed: ${release}, ${commit}`,
        }),
      ),
      ...moves.map(
        ({ from, to, started, actor, reason, outcome }): Happening => ({
          at: started,
          kind: 'release',
          what: `${actor} put release ${to} in place of ${from ?? 'none'} (${outcome}): ${reason}`,
        }),
      ),
    ].filter(({ at }) => within(window, at));
  });
}

/** RDS keeps its events for fourteen days. */
const eventDaysMs = 14 * 86_400_000;

async function readDatabaseEvents({ stage }: ToolContext, window: Window): Promise<Happening[]> {
  if (stage === 'local') return [];
  const { RDSClient, DescribeEventsCommand } = await import('@aws-sdk/client-rds');
  const rds = new RDSClient({ maxAttempts: 3 });
  try {
    const { Events = [] } = await rds.send(
      new DescribeEventsCommand({
        SourceType: 'db-instance',
        SourceIdentifier: instanceName(stage),
        StartTime: new Date(Math.max(window.from, Date.now() - eventDaysMs + 60_000)),
        EndTime: new Date(window.to),
      }),
    );
    return Events.map(
      ({ Date: at = new Date(0), Message = '', EventCategories = [] }): Happening => ({
        at: at.toISOString(),
        kind: 'database',
        what: `RDS: ${Message}${EventCategories.length > 0 ? ` (${EventCategories.join(', ')})` : ''}`,
      }),
    ).filter(({ what }) => !what.endsWith('(backup)'));
  } finally {
    rds.destroy();
  }
}

/** What Postgres writes when it starts, ends, or runs out of something. */
const turns = [
  'database system is ready',
  'database system was',
  'shutting down',
  'terminated by signal',
  'out of memory',
  'too many clients',
  'PANIC',
];
/** Lines beyond these say the same. */
const mostLines = 10;

async function readDatabaseLog(logs: CloudWatchLogsClient, stage: string, window: Window): Promise<Happening[]> {
  const found = await readLogs(
    logs,
    {
      groups: [logGroups.database(stage)],
      patterns: () => [turns.map((text) => `?"${text}"`).join(' ')],
      keep: ({ message }) => turns.some((text) => message.includes(text)),
    },
    window,
  );
  return found.slice(-mostLines).map(
    ({ time, message }): Happening => ({
      at: new Date(time).toISOString(),
      kind: 'database',
      what: `Postgres: ${shorten(message.replace(/^.*?\b(LOG|FATAL|PANIC|ERROR): */, ''), 160)}`,
    }),
  );
}

/** What changes how a stage serves; what only makes a client, lists something, or works on a database of its own does not. */
const changes = /^(migrate|maintenance|mend-database|block|unblock|rotate-|revoke-|disable-|delete-|restore-step|purge-expired)/;

/** Runs that changed nothing, by what they say of themselves: most of them are of a schedule or a deploy. */
const idle: Readonly<Record<string, RegExp>> = {
  migrate: /^schema version \d+$/,
  maintenance: /^maintenance mode (on|off), was \1$/,
  unblock: /^nothing to lift$/,
  'mend-database': /^nothing: /,
  'purge-expired': /^\d+ partitions created, 0 dropped, 0 rows deleted$/,
};

/** What was refused changed nothing, unless it is one of those that may have stopped half-way. */
const hasEffect = ({ procedure, outcome, detail }: Act) =>
  outcome === 'failed' ? /^(migrate|restore-step)/.test(procedure) : !(detail !== null && idle[procedure]?.test(detail));

/** The client of `verify` is disabled at its end, as it was made for it. */
const isOwnTrace = ({ procedure, reason }: Act) => procedure === 'disable-client' && reason?.startsWith(verifying) === true;

function ofActs(acts: readonly Act[]): Happening[] {
  return acts
    .filter((act) => changes.test(act.procedure) && act.outcome !== 'planned' && hasEffect(act) && !isOwnTrace(act))
    .map(
      ({ at, actor, procedure, reason, outcome, detail }): Happening => ({
        at,
        kind: 'operator',
        procedure,
        what: `${actor} ran ${procedure} (${outcome})${reason === null ? '' : `: ${reason}`}${detail === null ? '' : ` – ${shorten(detail, 120)}`}`,
      }),
    );
}

/** Oldest first. What cannot be asked is left out, with a note why. */
export async function readHappenings(
  context: ToolContext,
  window: Window,
  acts: readonly Act[],
): Promise<{ happenings: Happening[]; notes: string[] }> {
  const notes: string[] = [];
  const attempt = (what: string, work: Promise<Happening[]>) =>
    work.catch((error: Error) => {
      notes.push(`${what} could not be read: ${error.message}`);
      return [];
    });
  const found = await Promise.all([
    attempt('releases', readReleases(context, window)),
    attempt('events of RDS', readDatabaseEvents(context, window)),
    attempt(
      'the log of Postgres',
      withLogs(context, (logs) => readDatabaseLog(logs, context.stage, window)),
    ),
  ]);
  const happenings = [...found.flat(), ...ofActs(acts)].sort((one, other) => (one.at < other.at ? -1 : 1));
  return { happenings, notes };
}
