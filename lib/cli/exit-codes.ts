/** The exit codes of the command-line tool. */

export const exitCodes = {
  done: { code: 0, meaning: 'done, or the plan was shown' },
  failed: { code: 1, meaning: 'the procedure refused or failed; the message says why' },
  usage: { code: 2, meaning: 'the command was not understood' },
  unreachable: { code: 3, meaning: 'the stage could not be reached: not running, not deployed, no credentials or no permission' },
  unwell: { code: 4, meaning: 'a command that looks (status, verify, doctor …): something is not well' },
} as const;

/** An end of the tool that is not success, with a message that says what to do. */
export class CliFailure extends Error {
  override name = 'CliFailure';
  readonly exit: Exclude<keyof typeof exitCodes, 'done'>;
  constructor(exit: Exclude<keyof typeof exitCodes, 'done'>, message: string) {
    super(message);
    this.exit = exit;
  }
}
