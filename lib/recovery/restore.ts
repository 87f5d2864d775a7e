/** Puts the database back: shows which backup takes whose place, lets the state machine do it, follows it, and proves what serves then. */

import { withStateMachines } from '../observe/stage-clients.ts';
import { checkServer } from '../releases/check-server.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolOrder, type ToolProcedure } from '../releases/tool.ts';
import { findIssuer } from '../releases/verify.ts';
import type { RestoreState } from '../restore-states.ts';
import { findMachine, findUnderWay, followExecution } from './follow-execution.ts';
import { findLastWrite } from './last-write.ts';

export interface RestoreInput {
  readonly backup_id?: string;
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

function describePlan({ backup_id, taken_at, rows, schema_version, release }: Values): string[] {
  return [
    `take ${backup_id}, of ${taken_at}: ${rows} rows, migration ${schema_version}, release ${release}`,
    'turn maintenance mode on: what writes is answered 503 with Retry-After, discovery, JWKS and introspection go on',
    'back the database up as it is now',
    'load the backup into a database beside it, in one transaction, and compare the rows and the checksum of every table',
    'end in it what was revoked, rotated, disabled or changed since: by the database as it is now, else by the trail of events, else everything issued before',
    'let it take the place of the one that serves, publish the signing keys in use, and leave maintenance mode',
    'keep the database of before until `oauth2ctl restore --discard`; whatever fails puts it back by itself',
  ];
}

/** Cause of a failed execution, which Lambda gives as JSON. */
function reasonOf(cause: string | undefined): string {
  try {
    return String((JSON.parse(cause ?? '') as { errorMessage?: unknown }).errorMessage ?? cause);
  } catch {
    return cause ?? 'its history says why';
  }
}

function summarize(output: Values, wanted: Values): Values {
  const { load, revoke, finish, safety } = output;
  return {
    backup_id: wanted.backup_id,
    taken_at: load.answer.loaded.taken_at,
    tables: load.answer.loaded.tables,
    rows: load.answer.loaded.rows,
    migrated: load.answer.loaded.migrated,
    revocations: revoke.answer.revoked.source,
    changed: revoke.answer.revoked.changed,
    ...finish.answer.restored,
    kept: finish.answer.kept,
    safety_backup: safety.answer.backup_id,
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

async function restoreBackup(context: ToolContext, order: ToolOrder, backupId: string): Promise<ToolAnswer> {
  const { stage, actor } = context;
  const wanted = await findBackup(context, backupId);
  const plan = { steps: describePlan(wanted) };
  if (!order.apply) return { outcome: 'planned', plan };
  return withStateMachines(context, async (client): Promise<ToolAnswer> => {
    const api = await import('@aws-sdk/client-sfn');
    const stateMachineArn = await findMachine(api, client, stage);
    const running = await findUnderWay(api, client, stateMachineArn);
    if (running && (JSON.parse(running.input) as Values).backup_id !== backupId)
      throw new ReleaseFault(
        'under_way',
        `a restore of ${(JSON.parse(running.input) as Values).backup_id} is under way: run this with that backup to follow it, or wait`,
      );
    const run = new Date().toISOString().replaceAll(/[-:.]/g, '').toLowerCase().slice(0, 15);
    const last_write = (await findLastWrite(context)).toISOString();
    const input = JSON.stringify({ backup_id: backupId, run, last_write, reason: order.reason ?? 'restore', actor });
    const executionArn =
      running?.arn ??
      (await client.send(new api.StartExecutionCommand({ stateMachineArn, name: `restore-${run}`, input }))).executionArn ??
      '';
    const ended = await followExecution(api, client, context, executionArn);
    if (ended.status !== 'SUCCEEDED') {
      const why = `${reasonOf(ended.cause ?? ended.status)} (execution ${executionArn.split(':').at(-1)})`;
      if (ended.last_state === ('TakenBack' satisfies RestoreState))
        throw new ReleaseFault('taken_back', `nothing was restored, the database of before serves: ${why}`);
      throw new ReleaseFault(
        'cut_off',
        `the restore was cut off, and what it did was not taken back: run the same command again, or \`oauth2ctl maintenance --off\` to stay with what serves; ${why}`,
      );
    }
    const result = { ...summarize(JSON.parse(ended.output ?? '{}') as Values, wanted), ready: await isReady(context) };
    const next = ['oauth2ctl verify', "oauth2ctl restore --discard --apply --reason '…' when nobody wants to go back"];
    return { outcome: 'succeeded', plan, result, next };
  });
}

/** Drops what restores have kept; the function knows what that is. */
async function discard(context: ToolContext, order: ToolOrder): Promise<ToolAnswer> {
  if (order.apply) return context.call('discard-restored', {}, order.reason ?? '');
  return context.plan('discard-restored', {});
}

export const restoreDatabase: ToolProcedure = answering((context, order) => {
  const { backup_id, discard: isDiscard } = order.input as RestoreInput;
  if (isDiscard) return discard(context, order);
  return restoreBackup(context, order, backup_id ?? '');
});
