/** Removes a stage from its account: what serves goes, what somebody stored stays, and a stage that keeps data is only removed after a fresh backup. */
import { type Stage, stages } from '../stages.ts';
import { ReleaseFault } from './fault.ts';
import { type FoundStack, type Stacks, withStacks } from './stacks.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolProcedure } from './tool.ts';

/** A backup that is no older than this, in milliseconds, is fresh. */
export const freshMs = 3_600_000;

interface DestroyInput {
  /** The stage's name once more, where data is kept there. */
  readonly confirm?: string;
}

const aFolder = 'A local instance is a folder: end it with Ctrl-C and remove .local, or the folder that OAUTH2_DATA_DIR names.';

/** As list-backups names it. */
interface Backup {
  readonly backup_id: string;
  /** RFC 3339. */
  readonly taken_at: string;
}

/** What the stage's row says outlives it; a stage without a row is taken for one that keeps everything. */
function whatOutlives(stage: string): { data: boolean; network: boolean } {
  const row = (stages as Readonly<Record<string, Stage>>)[stage];
  const data = row?.retains ?? true;
  return { data, network: data && row?.database.kind !== 'external' };
}

/** @returns the newest backup @throws {ReleaseFault} where it is too old, or nobody can tell */
async function requireBackup({ stage, call }: ToolContext, now: number): Promise<Backup> {
  const refuse = (why: string) =>
    new ReleaseFault('no_fresh_backup', `${why}: oauth2ctl backup --stage ${stage} makes one, then run this again`);
  const answer = await call('list-backups', {}, 'before destroy').catch((error: Error) => {
    throw refuse(`the stage cannot tell which backups there are (${error.message})`);
  });
  if (answer.outcome !== 'succeeded') throw refuse(`the stage cannot tell which backups there are (${answer.error?.message})`);
  // Each of them was read back before it was listed.
  const [backup] = (answer.result as { backups: Backup[] }).backups;
  if (backup === undefined) throw refuse('there is no backup');
  if (now - Date.parse(backup.taken_at) > freshMs)
    throw refuse(`the last backup is of ${backup.taken_at}, more than an hour ago`);
  return backup;
}

function describePlan(doomed: readonly FoundStack[], left: readonly FoundStack[], backup: Backup | undefined): string[] {
  return [
    ...(backup === undefined ? [] : [`rely on the backup ${backup.backup_id} of ${backup.taken_at}, which was read back`]),
    ...doomed.map(({ name, is_protected, keeps, buckets }) => {
      const kept = Object.entries(keeps).map(([type, count]) => `${count} × ${type}`);
      const lost = buckets.map((bucket) => `, with everything in ${bucket}`).join('');
      return `${is_protected ? 'lift the protection of, and delete,' : 'delete'} ${name}${lost}${kept.length === 0 ? '' : `; these stay: ${kept.join(', ')}`}`;
    }),
    ...left.map(({ name }) => `leave ${name}: the database that stays is in it`),
  ];
}

function addUp(counts: readonly FoundStack['keeps'][]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const keeps of counts) for (const [type, count] of Object.entries(keeps)) sum[type] = (sum[type] ?? 0) + count;
  return sum;
}

/**
 * Leaves an entry in the audit log and a line in the log, both of which stay where data stays. After everything that may refuse, so that no entry
 * tells of what was not begun: the backup that is relied on is older than its entry, and the database that is kept, or its final snapshot, has both.
 * A stage that is broken is removed all the same.
 * @returns what became of the entry
 */
async function tellAuditLog(
  context: ToolContext,
  doomed: readonly FoundStack[],
  backup: Backup | undefined,
  reason: string,
): Promise<string> {
  const input = { stacks: doomed.map(({ name }) => name), ...(backup && { backup_id: backup.backup_id }) };
  try {
    const answer = await context.call('record-destroy', input, reason);
    return answer.outcome === 'succeeded' ? 'recorded' : `not recorded: ${answer.error?.message ?? answer.outcome}`;
  } catch (error) {
    return `not recorded: ${(error as Error).message}`;
  }
}

/** What is still there is deleted in its order; whoever was cut off goes on. */
async function removeAll(stacks: Stacks, found: readonly FoundStack[], context: ToolContext): Promise<void> {
  for (const [at, stack] of found.entries()) {
    if (!context.json) context.print(`${at + 1} of ${found.length}: deleting ${stack.name}\n`);
    await stacks.remove(stack, context.patience);
  }
}

export const destroyStage: ToolProcedure = answering(async (context, { input, apply, reason }): Promise<ToolAnswer> => {
  const { stage } = context;
  if (stage === 'local') return { outcome: 'succeeded', plan: { steps: [] }, result: { note: aFolder } };
  const outlives = whatOutlives(stage);
  const isDoomed = ({ part }: FoundStack) => !(part === 'network' && outlives.network);
  return withStacks(stage, async (stacks) => {
    const found = await stacks.list();
    const doomed = found.filter(isDoomed);
    const left = found.filter((stack) => !isDoomed(stack)).map(({ name }) => name);
    if (doomed.length === 0)
      return { outcome: 'succeeded', plan: { steps: [] }, result: { stage, deleted: [], left, kept: {}, backup: null } };
    // What was begun is ended: its functions, which know of backups, may be gone.
    const begun = doomed.every(({ part }) => part !== 'api');
    const backup = outlives.data && !begun ? await requireBackup(context, Date.now()) : undefined;
    const plan = {
      steps: describePlan(
        doomed,
        found.filter((stack) => !isDoomed(stack)),
        backup,
      ),
    };
    if (!apply) return { outcome: 'planned', plan };
    if (outlives.data && (input as DestroyInput).confirm !== stage)
      throw new ReleaseFault(
        'not_confirmed',
        `the stage "${stage}" keeps data of people: --confirm ${stage} says that it is meant`,
      );
    const audit_log = begun ? 'recorded by the run before, if at all' : await tellAuditLog(context, doomed, backup, reason ?? '');
    await removeAll(stacks, doomed, context);
    const again = (await stacks.list()).filter(isDoomed).map(({ name }) => name);
    if (again.length > 0) throw new ReleaseFault('still_there', `these stacks are there again: ${again.join(', ')}`);
    const kept = addUp(doomed.map(({ keeps }) => keeps));
    const result = { stage, deleted: doomed.map(({ name }) => name), left, kept, backup: backup?.backup_id ?? null, audit_log };
    const next = outlives.data ? ['what was kept costs money until it is removed by hand: runbooks/destroy.md says how'] : [];
    return { outcome: 'succeeded', plan, result, ...(next.length > 0 && { next }) };
  });
});
