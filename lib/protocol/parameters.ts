/** Reads form-urlencoded parameters: one value each, empty means absent (OAuth 2.1 §3.1, §3.2). */
import { Refusal } from './errors.ts';

export interface Parameters {
  /** The value, or undefined where the parameter is absent, empty or repeated. */
  get(name: string): string | undefined;
  /** Every non-empty value, for the few parameters that may repeat (RFC 8707 §2: `resource`). */
  all(name: string): string[];
  /** Names that were sent more than once. */
  readonly repeated: readonly string[];
  /** The parameters as one canonical query, to carry the request on or to recognise it. */
  toString(): string;
}

/**
 * Parses a query or a form body.
 * @throws {Refusal} invalid_request for a NUL character, which no parameter of the protocol may hold and Postgres cannot store
 */
export function parseParameters(text: string): Parameters {
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (value === '') continue;
    if (value.includes('\0') || name.includes('\0'))
      throw new Refusal('invalid_request', 'A parameter contains a NUL character.');
    const earlier = values.get(name);
    if (earlier) earlier.push(value);
    else values.set(name, [value]);
  }
  const repeated = [...values].filter(([, list]) => list.length > 1).map(([name]) => name);
  return {
    get: (name) => {
      const list = values.get(name);
      return list?.length === 1 ? list[0] : undefined;
    },
    all: (name) => values.get(name) ?? [],
    repeated,
    toString: () =>
      new URLSearchParams([...values].flatMap(([name, list]) => list.map((value): [string, string] => [name, value]))).toString(),
  };
}

/** The first repeated parameter that may not repeat, or undefined. */
export function findRepeated(parameters: Parameters, mayRepeat: readonly string[] = ['resource']): string | undefined {
  return parameters.repeated.find((name) => !mayRepeat.includes(name));
}

/** @throws {Refusal} invalid_request where a parameter is repeated (RFC 6749 §3.2) */
export function refuseRepeated(parameters: Parameters): void {
  const name = findRepeated(parameters);
  if (name !== undefined) throw new Refusal('invalid_request', `The parameter ${name} is sent more than once.`);
}

/** @throws {Refusal} invalid_request where the parameter is absent */
export function requireParameter(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new Refusal('invalid_request', `The parameter ${name} is missing.`);
  return value;
}
