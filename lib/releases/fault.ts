/** A refusal or a failure of a command that the tool carries out itself, for the operator. */

export class ReleaseFault extends Error {
  override name = 'ReleaseFault';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
