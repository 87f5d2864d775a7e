/** Checks what a procedure is given: every member known, every value allowed; a fault says what was given and what is allowed. */

export interface Member {
  accepts(value: unknown): boolean;
  /** Finishes the sentence "allowed: …". */
  readonly allowed: string;
  readonly required?: boolean;
  /** A fault never repeats what was given. */
  readonly secret?: boolean;
  /** A fault repeats what was given to who gave it, and to no log: those outlive accounts. */
  readonly personal?: boolean;
}

export type InputTable = Readonly<Record<string, Member>>;

/** A procedure cannot do what was asked; code and message are for the operator, the detail for the log and the audit log. */
export class ProcedureFault extends Error {
  override name = 'ProcedureFault';
  readonly code: string;
  /** Whether who asked made a mistake: that wakes nobody up. */
  readonly mistake: boolean;
  readonly detail: string;
  /** @param detail where the message names a person: the same without the name */
  constructor(code: string, message: string, mistake = true, detail = message) {
    super(message);
    this.code = code;
    this.mistake = mistake;
    this.detail = detail;
  }
}

const hasControls = (text: string) => !text.isWellFormed() || /\p{Cc}/u.test(text);

/** A text within bounds, in characters, without control characters. */
export function text(longest: number, options: { shortest?: number; required?: boolean } = {}): Member {
  const shortest = options.shortest ?? 1;
  return {
    accepts: (value) => typeof value === 'string' && value.length >= shortest && value.length <= longest && !hasControls(value),
    allowed: `a text of ${shortest} to ${longest} characters without control characters`,
    required: options.required ?? false,
  };
}

/** A text of one form. @param allowed describes the form in words */
export function matching(pattern: RegExp, allowed: string, options: { required?: boolean } = {}): Member {
  return {
    accepts: (value) => typeof value === 'string' && !hasControls(value) && pattern.test(value),
    allowed,
    required: options.required ?? false,
  };
}

/** A point in time. */
export const instant: Member = {
  accepts: (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  allowed: 'an instant with its offset from UTC, such as 2026-11-23T08:30:00Z (RFC 3339 §5.6)',
};

export function wholeNumber(lowest: number, highest: number): Member {
  return {
    accepts: (value) => Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest,
    allowed: `a whole number from ${lowest} to ${highest}`,
  };
}

/** A list whose elements are all accepted. @param of describes an element in words */
export function listOf(accepts: (value: unknown) => boolean, most: number, of: string): Member {
  return {
    accepts: (value) => Array.isArray(value) && value.length <= most && value.every(accepts),
    allowed: `a list of at most ${most} ${of}`,
    required: true,
  };
}

/** A value that the procedure itself checks further on. */
export const anything: Member = { accepts: () => true, allowed: 'any value' };

export const onOff: Member = { accepts: (value) => typeof value === 'boolean', allowed: 'true or false' };

/** What was given, short enough for a message. */
export function show(value: unknown): string {
  let written: string;
  try {
    written = JSON.stringify(value) ?? String(value);
  } catch {
    written = typeof value;
  }
  return written.length > 100 ? `${written.slice(0, 100)}…` : written;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The members of an input, checked; null counts as absent.
 * @throws {ProcedureFault} invalid_input, for the first member that is unknown, missing or not allowed
 */
export function checkInput(given: unknown, table: InputTable, what = 'input'): Record<string, unknown> {
  if (!isObject(given)) throw new ProcedureFault('invalid_input', `the ${what} is ${show(given)}; allowed: a JSON object`);
  const names = Object.keys(table);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(table, name));
  if (unknown !== undefined)
    throw new ProcedureFault('invalid_input', `the ${what} has ${show(unknown)}; allowed: ${names.join(', ') || 'no member'}`);
  const checked: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(table)) {
    const value = given[name] ?? undefined;
    if (value === undefined) {
      if (member.required) throw new ProcedureFault('invalid_input', `${name} is missing; allowed: ${member.allowed}`);
      continue;
    }
    if (!member.accepts(value)) {
      const unsaid = `${name} is not allowed; allowed: ${member.allowed}`;
      const message = member.secret ? unsaid : `${name} is ${show(value)}; allowed: ${member.allowed}`;
      throw new ProcedureFault('invalid_input', message, true, member.personal ? unsaid : message);
    }
    checked[name] = value;
  }
  return checked;
}
