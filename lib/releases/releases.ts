/** Lists the releases of a stage, which one is live, and the last times that somebody moved it. */
import { readAliases } from './aliases.ts';
import { listMoves, listReleases } from './ledger.ts';
import { findLive, knownNames } from './plan-move.ts';
import { findUnfinished } from './situation.ts';
import { answering, oneRelease, type ToolProcedure, withClients } from './tool.ts';

/** Moves that are shown. */
const shown = 10;

export const listStageReleases: ToolProcedure = answering(async ({ stage }) => {
  const plan = { steps: [] };
  if (stage === 'local') return { outcome: 'succeeded', plan, result: { releases: [], live: null, moves: [], note: oneRelease } };
  return withClients(async ({ lambda, ssm }) => {
    const releases = await listReleases(ssm, stage);
    const aliases = await readAliases(lambda, stage, knownNames(releases, []));
    const live = findLive(releases, aliases);
    const moves = await listMoves(ssm, stage);
    const newest = releases.at(-1);
    const unfinished = newest && findUnfinished(moves, newest);
    const next: string[] = [];
    if (unfinished)
      next.push(`the move to release ${unfinished.to} did not end: oauth2ctl release --to ${unfinished.to} goes on with it`);
    else if (newest && !live)
      next.push('the aliases stand as no release has them: choose one with oauth2ctl release --to NUMBER');
    return {
      outcome: 'succeeded',
      plan,
      result: { releases: releases.toReversed(), live: live?.number ?? null, moves: moves.toReversed().slice(0, shown) },
      ...(next.length > 0 && { next }),
    };
  });
});
