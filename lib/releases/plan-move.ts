/** Decides what has to move so that a release is in place: which one is live, which aliases stand elsewhere, and which have no say in it. */
import type { Alias } from './aliases.ts';
import type { Move, Release } from './record.ts';

type Aliases = ReadonlyMap<string, Pick<Alias, 'version'>>;

export interface PlannedMove {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface MovePlan {
  readonly moves: readonly PlannedMove[];
  /** Functions that the release does not have: their aliases stay. */
  readonly stays: readonly string[];
  /** Functions that only the release has: nothing is there to move. */
  readonly gone: readonly string[];
}

/** Every name that a release or the tables know. */
export function knownNames(releases: readonly Release[], tables: readonly string[]): string[] {
  return [...new Set([...tables, ...releases.flatMap(({ functions }) => Object.keys(functions))])];
}

/** The newest release whose functions, those that are still there, are all in place. */
export function findLive(releases: readonly Release[], aliases: Aliases): Release | undefined {
  return releases.findLast(({ functions }) => {
    const present = Object.entries(functions).filter(([name]) => aliases.has(name));
    return present.length > 0 && present.every(([name, version]) => aliases.get(name)?.version === version);
  });
}

export function planMove(target: Release, aliases: Aliases): MovePlan {
  const wanted = Object.entries(target.functions);
  return {
    moves: wanted.flatMap(([name, to]) => {
      const from = aliases.get(name)?.version;
      return from === undefined || from === to ? [] : [{ name, from, to }];
    }),
    stays: [...aliases.keys()].filter((name) => !Object.hasOwn(target.functions, name)),
    gone: wanted.map(([name]) => name).filter((name) => !aliases.has(name)),
  };
}

export interface Surroundings {
  readonly live: Release | undefined;
  readonly newest: Release;
  /** A move that was cut off. */
  readonly unfinished: Move | undefined;
}

/** The plan in sentences. */
export function describeMove(
  target: Release,
  { moves, stays, gone }: MovePlan,
  { live, newest, unfinished }: Surroundings,
): string[] {
  const label = (release: Release) => `release ${release.number} (${release.release}, commit ${release.commit}, ${release.time})`;
  const steps: string[] = [];
  if (unfinished)
    steps.push(
      `${unfinished.actor} began at ${unfinished.started} to put release ${unfinished.to} in place and was cut off: ${
        unfinished.to === target.number ? 'this goes on with it' : 'this takes over from it'
      }`,
    );
  if (moves.length === 0) steps.push(`${label(target)} is in place: no alias moves`);
  else {
    steps.push(`put ${label(target)} in place of ${live ? label(live) : 'a state that no release has'}`);
    steps.push(
      `move the live alias of ${moves.length} functions: ${moves.map(({ name, from, to }) => `${name} ${from} → ${to}`).join(', ')}`,
    );
  }
  if (stays.length > 0) steps.push(`leave what this release does not have as it is: ${stays.join(', ')}`);
  if (gone.length > 0) steps.push(`skip what this release had and is gone: ${gone.join(', ')}`);
  if (target.schema_version < newest.schema_version)
    steps.push(
      `leave the database at migration ${newest.schema_version}, made so that code for migration ${target.schema_version} works with it`,
    );
  if (moves.length > 0) steps.push('check health, readiness, discovery and JWKS, and put every alias back where that fails');
  return steps;
}
