/** Reads where a stage stands: its releases, its aliases, the release that is live, and a move that was cut off. */
import { procedureNames } from '../procedures.ts';
import { routeNames } from '../routes.ts';
import { type Alias, readAliases } from './aliases.ts';
import { ReleaseFault } from './fault.ts';
import { listMoves, listReleases } from './ledger.ts';
import { findLive, knownNames } from './plan-move.ts';
import type { Move, Release } from './record.ts';
import type { Clients } from './tool.ts';

export interface Situation {
  readonly releases: readonly Release[];
  readonly newest: Release;
  readonly aliases: ReadonlyMap<string, Alias>;
  readonly live: Release | undefined;
  readonly unfinished: Move | undefined;
}

/** @throws {ReleaseFault} where the stage has no release */
export async function readSituation({ lambda, ssm }: Clients, stage: string): Promise<Situation> {
  const releases = await listReleases(ssm, stage);
  const newest = releases.at(-1);
  if (newest === undefined)
    throw new ReleaseFault(
      'no_release',
      `stage "${stage}" has no release in this account and region: a deploy records the first one`,
    );
  const aliases = await readAliases(lambda, stage, knownNames(releases, [...routeNames, ...procedureNames]));
  const unfinished = findUnfinished(await listMoves(ssm, stage), newest);
  return { releases, newest, aliases, live: findLive(releases, aliases), unfinished };
}

/** The last move, if it did not come to its end; a deploy since then has moved everything. */
export function findUnfinished(moves: readonly Move[], newest: Release): Move | undefined {
  const last = moves.at(-1);
  const open = last?.outcome === 'under way' || last?.outcome === 'stuck';
  return open && last.started > newest.time ? last : undefined;
}

/** Milliseconds for which a move of somebody else is taken to be still running. */
const patience = 10 * 60_000;

/** @throws {ReleaseFault} where aliases are being moved by somebody else at this moment */
export function refuseInterference({ aliases, unfinished }: Situation, actor: string, now: Date): void {
  const divided = [...aliases].filter(([, alias]) => alias.divided).map(([name]) => name);
  if (divided.length > 0)
    throw new ReleaseFault(
      'deploy_under_way',
      `a deploy is shifting the traffic of ${divided.join(', ')}: wait for it, or take it back with ` +
        'aws cloudformation cancel-update-stack',
    );
  if (unfinished?.outcome !== 'under way' || unfinished.actor === actor) return;
  if (now.getTime() - Date.parse(unfinished.started) < patience)
    throw new ReleaseFault(
      'move_under_way',
      `${unfinished.actor} is putting release ${unfinished.to} in place since ${unfinished.started}: ` +
        'talk to them, or wait ten minutes and run this again',
    );
}
