/** Writes commands that come next as whoever reads them would type them: by the way the tool was called, for the stage that was worked on. */

type Environment = Readonly<Record<string, string | undefined>>;

/** npm names the way in which it started a program; a checkout has the tool on nobody's path. */
export function nameOfTool({ npm_lifecycle_event }: Environment): string {
  return npm_lifecycle_event === 'npx' ? 'npx oauth2ctl' : 'oauth2ctl';
}

/** What a command that acts has to name beside itself: it is copied into whatever shell comes next, and must not find another stage there. */
export function nameStage(stage: string, { OAUTH2_STAGE }: Environment): string[] {
  return stage === 'local' && (OAUTH2_STAGE || 'local') === 'local' ? [] : ['--stage', stage];
}

/** @param text as a procedure says it: `oauth2ctl status`, or sentences with such commands in them, or without */
export function asCalled(text: string, stage: string, environment: Environment): string {
  // OAUTH2_STAGE holds for the next command as well.
  const named = stage === (environment.OAUTH2_STAGE || 'local') ? '' : ` --stage ${stage}`;
  const commands = /(?:npx )?\boauth2ctl ([a-z][a-z-]*)(?![^;:]* --stage )/g;
  return text.replace(commands, (_, name: string) => `${nameOfTool(environment)} ${name}${named}`);
}
