/** What `release` and `rollback` have in common: the plan for a chosen release, and carrying it out with its audit trail. */
import { hasVersion } from './aliases.ts';
import { checkServer } from './check-server.ts';
import { ReleaseFault } from './fault.ts';
import { moveAliases } from './move-aliases.ts';
import { describeMove, type MovePlan, planMove } from './plan-move.ts';
import type { Move, Release } from './record.ts';
import { readSituation, refuseInterference, type Situation } from './situation.ts';
import {
  answering,
  type Clients,
  oneRelease,
  type ToolAnswer,
  type ToolContext,
  type ToolProcedure,
  withClients,
} from './tool.ts';

/** @throws {ReleaseFault} where there is none to choose */
type Choice = (situation: Situation, input: Readonly<Record<string, unknown>>) => Release;

async function refuseMissingVersions({ lambda }: Clients, stage: string, { moves }: MovePlan): Promise<void> {
  const missing: string[] = [];
  for (const { name, to } of moves) if (!(await hasVersion(lambda, stage, name, to))) missing.push(`${name} ${to}`);
  if (missing.length > 0)
    throw new ReleaseFault(
      'version_gone',
      `these versions were deleted: ${missing.join(', ')}; nothing was moved, choose another release`,
    );
}

async function findProblems(target: Release, { environment, patience }: ToolContext): Promise<string[]> {
  const findings = await checkServer({
    issuer: target.issuer,
    base: environment.OAUTH2_BASE_URL || undefined,
    release: target.release,
    ...patience,
  });
  return findings.filter(({ verdict }) => verdict === 'not well').map(({ name, detail }) => `${name}: ${detail}`);
}

/** The audit log is the second place: what its database cannot take is in Parameter Store and CloudTrail. */
async function tellAuditLog(context: ToolContext, { to, from, outcome, id, before }: Move, reason: string): Promise<string> {
  try {
    const functions = Object.keys(before).length;
    const answer = await context.call('record-move', { to, from, outcome, id, functions }, reason);
    return answer.outcome === 'succeeded' ? 'recorded' : `not recorded: ${answer.error?.message ?? answer.outcome}`;
  } catch (error) {
    return `not recorded: ${(error as Error).message}`;
  }
}

function failureOf({ to, outcome, note }: Move): ReleaseFault {
  if (outcome === 'put back')
    return new ReleaseFault('put_back', `release ${to} is not in place, every alias is back where it was: ${note}`);
  const next = 'run oauth2ctl release --to NUMBER, of the release that should be live';
  return new ReleaseFault(
    'stuck',
    `release ${to} is not in place, and some aliases are not back where they were: ${note}; ${next}`,
  );
}

export function puttingInPlace(choose: Choice): ToolProcedure {
  return answering(async (context, order) => {
    const { stage, actor } = context;
    if (stage === 'local') return { outcome: 'succeeded', plan: { steps: [] }, result: { note: oneRelease } };
    return withClients(async (clients): Promise<ToolAnswer> => {
      const situation = await readSituation(clients, stage);
      const { aliases, live, unfinished } = situation;
      refuseInterference(situation, actor, new Date());
      const target = choose(situation, order.input);
      const moving = planMove(target, aliases);
      await refuseMissingVersions(clients, stage, moving);
      const plan = { steps: describeMove(target, moving, situation) };
      if (!order.apply) return { outcome: 'planned', plan };
      if (moving.moves.length === 0 && unfinished === undefined)
        return {
          outcome: 'succeeded',
          plan,
          result: { release: target.number, moved: 0, from: live?.number ?? null, outcome: 'done' },
        };

      const reason = order.reason ?? '';
      const check = () => findProblems(target, context);
      const move = await moveAliases(clients, {
        stage,
        target,
        plan: moving,
        aliases,
        live,
        unfinished,
        actor,
        reason,
        check,
        now: () => new Date(),
      });
      const audit_log = await tellAuditLog(context, move, reason);
      if (move.outcome !== 'done') throw failureOf(move);
      const { moves, stays, gone } = moving;
      const result = {
        release: target.number,
        from: move.from,
        moved: moves.length,
        stays,
        gone,
        outcome: move.outcome,
        id: move.id,
        audit_log,
      };
      return { outcome: 'succeeded', plan, result, next: ['oauth2ctl verify'] };
    });
  });
}
