/** Reads a stage from the table, takes in what its environment adds, and refuses what cannot be deployed. */
import { settings } from '../settings.ts';
import { type Stage, stages } from '../stages.ts';
import { wrongFacts, wrongSettings } from './check-stage.ts';

/** A stage whose every setting was found to be right. */
export interface CheckedStage extends Stage {
  readonly name: string;
  /** What the functions call themselves: what OAUTH2_RELEASE says, or the commit where the stage is deployed. */
  readonly release: string;
  readonly commit: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface StageSource {
  readonly table?: Readonly<Record<string, Stage>>;
  readonly environment?: Environment;
  /** Of the sources; unknown where Git does not tell. */
  readonly commit?: string | undefined;
}

/**
 * @param source the table and the environment; by default the project's own table and an empty environment
 * @throws {Error} with one line for each wrong setting: its name, what was given and what is allowed
 */
export function readStage(
  name: string,
  { table = stages, environment = {}, commit = 'unknown' }: StageSource = {},
): CheckedStage {
  const row = table[name];
  if (row === undefined) {
    throw new Error(`there is no stage "${name}" in lib/stages.ts; there are ${Object.keys(table).join(', ')}`);
  }
  const release = environment.OAUTH2_RELEASE || (row.deployed && commit !== 'unknown' ? commit : 'unreleased');
  const stage = { ...(row.reads_environment ? withEnvironment(row, environment) : row), name, release, commit };
  const wrong = [...wrongFacts(stage), ...wrongSettings(stage)];
  if (wrong.length > 0) throw new Error(wrong.map((line) => `stage "${name}": ${line}`).join('\n'));
  return stage;
}

function withEnvironment(row: Stage, environment: Environment): Stage {
  const given = Object.entries(environment).filter(([key, value]) => key in settings && value);
  const { OAUTH2_ISSUER, ...chosen } = Object.fromEntries(given) as Record<string, string>;
  const issuer = OAUTH2_ISSUER ?? row.issuer ?? (row.deployed ? undefined : `http://127.0.0.1:${environment.PORT || '8080'}`);
  const host = environment.OAUTH2_DATABASE_HOST || undefined;
  const port = environment.OAUTH2_DATABASE_PORT || undefined;
  const programs = environment.OAUTH2_POSTGRES_PROGRAMS || undefined;
  return {
    ...row,
    ...(issuer !== undefined && { issuer }),
    ...(programs !== undefined && { postgres_programs: programs }),
    ...(row.database.kind === 'external' && {
      database: { ...row.database, ...(host && { host }), ...(port && { port: Number(port) }) },
    }),
    settings: { ...row.settings, ...chosen },
  };
}
