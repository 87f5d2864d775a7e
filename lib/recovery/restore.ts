/** Puts the database back: shows which backup takes whose place, lets the state machine do it, follows it, and proves what serves then. */

import { whileWatching } from '../observe/progress.ts';
import { withStateMachines } from '../observe/stage-clients.ts';
import { checkServer } from '../releases/check-server.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolOrder, type ToolProcedure } from '../releases/tool.ts';
import { findIssuer } from '../releases/verify.ts';
import { type RestoreState, reasonOf } from '../restore-states.ts';
import { type EndedExecution, findMachine, findUnderWay, followExecution } from './follow-execution.ts';
import { findLastWrite } from './last-write.ts';
import { chooseWindow, findWindows, type RestoreWindow } from './restore-window.ts';

export interface RestoreInput {
  readonly backup_id?: string;
  /** Instead of a backup: the instant to go back to, ISO 8601. */
  readonly to_time?: string;
  readonly discard?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

/** @throws {ReleaseFault} where there is no such backup */
async function findBackup({ call }: ToolContext, backupId: string): Promise<Values> {
  const answer = await call('list-backups', {}, 'restore');
  if (answer.outcome !== 'succeeded')
    throw new ReleaseFault(answer.error?.code ?? 'no_list', answer.error?.message ?? 'list-backups gave no answer');
  const { backups } = answer.result as { backups: Values[] };
  const found = backups.find(({ backup_id }) => backup_id === backupId);
  if (!found)
    throw new ReleaseFault('no_such_backup', `there is no backup ${backupId}: oauth2ctl list-backups shows those that there are`);
  return found;
}

const named = ({ backup_id, taken_at, rows, schema_version, release }: Values): string[] => [
  `take ${backup_id}, of ${taken_at}: ${rows} rows, migration ${schema_version}, release ${release}`,
];

const rewound = (to: string, { instance }: RestoreWindow): string[] => [
  `let RDS make an instance beside, as the database was at ${to}, of its backups of ${instance}: some 30 minutes, while everything is served`,
  'dump it into the bucket of the backups, and remove it',
];

function describePlan(beginning: readonly string[]): string[] {
  return [
    ...beginning,
    'read it whole, and see that it is what was written',
    'turn maintenance mode on: what writes is answered 503 with Retry-After, discovery, JWKS and introspection go on',
    'back the database up as it is now; where it cannot be read any more, go on without: it is kept itself, and is then the only copy',
    'load the backup into a database beside it, in one transaction, and compare the rows and the checksum of every table',
    'end in it what was revoked, rotated, disabled or changed since: by the database as it is now, else by the trail of events, else everything issued before',
    'let it take the place of the one that serves, publish the signing keys in use, and leave maintenance mode',
    'keep the database of before until `oauth2ctl restore --discard`; whatever fails puts it back by itself',
  ];
}

function summarize(output: Values): Values {
  const { chosen, load, revoke, finish, safety, left } = output;
  return {
    backup_id: chosen.answer.backup_id,
    taken_at: load.answer.loaded.taken_at,
    tables: load.answer.loaded.tables,
    rows: load.answer.loaded.rows,
    rows_of: load.answer.loaded.rows_of,
    migrated: load.answer.loaded.migrated,
    revocations: revoke.answer.revoked.source,
    changed: revoke.answer.revoked.changed,
    ...finish.answer.restored,
    kept: finish.answer.kept,
    // Without one it is the answer of the step that goes on, which names the backup that is restored.
    ...(safety.answer.unsaved === undefined
      ? { safety_backup: safety.answer.backup_id }
      : { safety_backup: null, unsaved: safety.answer.unsaved }),
    ...(left !== undefined && { left: reasonOf(left.Cause) }),
  };
}

async function isReady(context: ToolContext): Promise<boolean> {
  const findings = await checkServer({
    issuer: await findIssuer(context),
    base: context.environment.OAUTH2_BASE_URL || undefined,
    ...context.patience,
  });
  return findings.every(({ verdict }) => verdict !== 'not well');
}

/** What is wanted, in the words of the input; an instant is one however it is written. */
function describeWanted({ backup_id, to_time }: Values): string {
  return to_time === undefined ? String(backup_id) : new Date(to_time).toISOString();
}

/** What is said before the plan while another execution is at work. */
function describeUnderWay(other: string | undefined, wanted: string): string[] {
  if (other === undefined) return [];
  if (other === wanted) return [`a restore of ${other} is UNDER WAY: with --apply it is followed, and no other one begins`];
  return [`a restore of ${other} is UNDER WAY: this one has to wait for its end`];
}

/** Whoever ends the tool is told that the state machine goes on. */
async function tellingWhoLeaves<T>(work: () => Promise<T>): Promise<T> {
  const leave = () => {
    process.stderr.write('\nThe restore goes on; while it does, the same command follows it.\n');
    // Nobody listens any more, so that it ends the tool as ever.
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', leave);
  return work().finally(() => process.off('SIGINT', leave));
}

interface Goal {
  readonly steps: readonly string[];
  /** What the state machine is told of it. */
  readonly input: Values;
}

async function findGoal(context: ToolContext, { backup_id, to_time }: RestoreInput): Promise<Goal> {
  if (to_time === undefined)
    return { steps: describePlan(named(await findBackup(context, backup_id ?? ''))), input: { backup_id } };
  const to = new Date(to_time);
  const window = chooseWindow(to, await findWindows(context));
  const instant = to.toISOString();
  return { steps: describePlan(rewound(instant, window)), input: { to_time: instant, from: window.source } };
}

/** A backup has the passwords of its time, of which one may have leaked since. */
function adviseOnPasswords({ without_password, revocations, taken_at }: Values): string[] {
  return [
    ...(without_password?.accounts > 0
      ? ['oauth2ctl list-users shows who has no password: it was changed since the backup; set-password gives a new one']
      : []),
    ...(revocations === 'everything ended'
      ? [`a password that was changed since ${taken_at} may be the one of before: set-password for whom you remember`]
      : []),
  ];
}

/** Functions of which single steps take long. */
const watchedFunctions = ['backup', 'restore-step'] as const;

/** Why an execution did not succeed, by where it ended. */
function toFault(ended: EndedExecution, executionArn: string): ReleaseFault {
  const why = `${reasonOf(ended.cause ?? ended.status)} (execution ${executionArn.split(':').at(-1)})`;
  switch (ended.last_state as RestoreState | undefined) {
    case 'TakenBack':
      return new ReleaseFault('taken_back', `nothing was restored, the database of before serves: ${why}`);
    case 'NotBegun':
      return new ReleaseFault('not_begun', `nothing was restored, and nothing was changed: ${why}`);
    case 'NotRewound':
      return new ReleaseFault('not_rewound', `nothing was restored, and nothing was changed: ${why}`);
    default:
      return new ReleaseFault(
        'cut_off',
        `the restore was cut off, and what it did was not taken back: run the same command again, or \`oauth2ctl maintenance --off\` to stay with what serves; ${why}`,
      );
  }
}

async function restoreWanted(context: ToolContext, order: ToolOrder): Promise<ToolAnswer> {
  const { stage, actor } = context;
  const { backup_id, to_time } = order.input as RestoreInput;
  const wanted = describeWanted({ backup_id, to_time });
  const goal = await findGoal(context, order.input as RestoreInput);
  return withStateMachines(context, async (client): Promise<ToolAnswer> => {
    const api = await import('@aws-sdk/client-sfn');
    const stateMachineArn = await findMachine(api, client, stage);
    const running = await findUnderWay(api, client, stateMachineArn);
    const other = running && describeWanted(JSON.parse(running.input) as Values);
    const plan = { steps: [...describeUnderWay(other, wanted), ...goal.steps] };
    if (!order.apply) return { outcome: 'planned', plan };
    if (other !== undefined && other !== wanted)
      throw new ReleaseFault('under_way', `a restore of ${other} is under way: run this with that to follow it, or wait`);
    const run = new Date().toISOString().replaceAll(/[-:.]/g, '').toLowerCase().slice(0, 15);
    const last_write = (await findLastWrite(context)).toISOString();
    const input = JSON.stringify({ ...goal.input, run, last_write, reason: order.reason ?? 'restore', actor });
    const executionArn =
      running?.arn ??
      (await client.send(new api.StartExecutionCommand({ stateMachineArn, name: `restore-${run}`, input }))).executionArn ??
      '';
    const id = running ? (JSON.parse(running.input) as Values).run : run;
    const watched = { functions: watchedFunctions, run: id, tell: (line: string) => void (context.json || context.print(line)) };
    const follow = () => followExecution(api, client, context, executionArn);
    const ended = await tellingWhoLeaves(() => whileWatching(context, watched, follow));
    if (ended.status !== 'SUCCEEDED') throw toFault(ended, executionArn);
    const result = { ...summarize(JSON.parse(ended.output ?? '{}') as Values), ready: await isReady(context) };
    const next = [
      ...adviseOnPasswords(result),
      'oauth2ctl verify',
      "oauth2ctl restore --discard --apply --reason '…' when nobody wants to go back",
    ];
    return { outcome: 'succeeded', plan, result, next };
  });
}

/** Drops what restores have kept; the function knows what that is. */
async function discard(context: ToolContext, order: ToolOrder): Promise<ToolAnswer> {
  if (order.apply) return context.call('discard-restored', {}, order.reason ?? '');
  return context.plan('discard-restored', {});
}

export const restoreDatabase: ToolProcedure = answering((context, order) => {
  if ((order.input as RestoreInput).discard) return discard(context, order);
  return restoreWanted(context, order);
});
