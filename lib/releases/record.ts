/** What a release is and where its record stands: one parameter for each, below the stage's own path. */

export interface Release {
  readonly number: number;
  /** What the deploy was told to call itself, and what the functions say that they are. */
  readonly release: string;
  /** Of the sources, with `-dirty` where they were not as committed; `unknown` outside of a repository. */
  readonly commit: string;
  /** ISO 8601, in UTC. */
  readonly time: string;
  /** Migration that its code was written for. */
  readonly schema_version: number;
  readonly issuer: string;
  /** Number of the version behind the `live` alias, by the function's name in its table. */
  readonly functions: Readonly<Record<string, string>>;
}

/** Aliases that were moved by hand, or are being moved. */
export interface Move {
  /** Its start in UTC, so that ids sort by time. */
  readonly id: string;
  readonly to: number;
  /** Null where the aliases stood as no release has them. */
  readonly from: number | null;
  readonly actor: string;
  readonly reason: string;
  readonly started: string;
  readonly ended?: string;
  readonly outcome: 'under way' | 'done' | 'put back' | 'stuck' | 'taken over';
  /** Where each alias stood before the first one moved. */
  readonly before: Readonly<Record<string, string>>;
  readonly note?: string;
}

export function releasesPath(stage: string): string {
  return `/oauth2/${stage}/releases`;
}

/** Padded, so that names sort as numbers do. */
export function releaseParameter(stage: string, number: number): string {
  return `${releasesPath(stage)}/${String(number).padStart(6, '0')}`;
}

export function movesPath(stage: string): string {
  return `/oauth2/${stage}/moves`;
}

/** `20261123T182011123Z` */
export function moveId(started: Date): string {
  return started.toISOString().replace(/[-:.]/g, '');
}

/** Whether both put the same version of the same functions in place. */
export function isSame(one: Release['functions'], other: Release['functions']): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
