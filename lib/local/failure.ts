/** A failure that a person can act on: its message is one line that says what was wrong, what was given and what to do. */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure';
}
