/** Moves data through a state machine: reference paths, payload templates and where results go (Amazon States Language, JSONPath). */

// biome-ignore lint/suspicious/noExplicitAny: data of an execution is any JSON
export type Data = any;

/** What a state fails with; `name` is what `Retry` and `Catch` match. */
export class StateFailure extends Error {
  readonly error: string;
  readonly failure: string;
  constructor(error: string, failure: string) {
    super(`${error}: ${failure}`);
    this.error = error;
    this.failure = failure;
  }
}

/** Steps of `$.one.two[3]['four']`. @throws {StateFailure} for what is no plain reference path */
function stepsOf(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  let rest = path.replace(/^\$/, '');
  while (rest !== '') {
    const [whole, dotted, index, quoted] = /^(?:\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\])/.exec(rest) ?? [];
    if (whole === undefined) throw new StateFailure('States.Runtime', `${path} is no path that is understood on this machine`);
    steps.push(index === undefined ? (dotted ?? quoted ?? '') : Number(index));
    rest = rest.slice(whole.length);
  }
  return steps;
}

function find(path: string, data: Data): Data {
  let found = data;
  for (const step of stepsOf(path)) {
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, step)) return undefined;
    found = found[step];
  }
  return found;
}

/** Whether a path leads to something. */
export function isPresent(path: string, data: Data): boolean {
  return find(path, data) !== undefined;
}

/** @param context reached by `$$` @throws {StateFailure} where the path leads to nothing */
export function read(path: string, data: Data, context: Data): Data {
  const found = path.startsWith('$$') ? find(path.slice(1), context) : find(path, data);
  if (found === undefined) throw new StateFailure('States.ParameterPathFailure', `${path} leads to nothing`);
  return found;
}

/** `States.Format('a {} b', $.c)`, the one intrinsic function that our machines use. */
function format(call: string, data: Data, context: Data): string {
  const [, template = '', rest = ''] = /^States\.Format\('([^']*)'((?:,\s*\$[^,)]*)*)\)$/.exec(call) ?? [];
  if (template === '') throw new StateFailure('States.Runtime', `${call} is not understood on this machine`);
  const values = rest
    .split(',')
    .slice(1)
    .map((path) => read(path.trim(), data, context));
  return template.replace(/\{\}/g, () => String(values.shift()));
}

/** Fills a payload template in: members whose names end in `.$` are read from the data. */
export function fill(template: Data, data: Data, context: Data): Data {
  if (Array.isArray(template)) return template.map((one) => fill(one, data, context));
  if (template === null || typeof template !== 'object') return template;
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => {
      if (!name.endsWith('.$')) return [name, fill(value, data, context)];
      const text = String(value);
      return [name.slice(0, -2), text.startsWith('States.') ? format(text, data, context) : read(text, data, context)];
    }),
  );
}

/** The input with a result put where `ResultPath` says; null discards the result. */
export function place(input: Data, result: Data, path: string | null | undefined): Data {
  if (path === null) return input;
  if (path === undefined || path === '$') return result;
  const whole = structuredClone(input ?? {});
  const steps = stepsOf(path);
  const last = steps.pop() as string;
  let at = whole;
  for (const step of steps) {
    at[step] ??= {};
    at = at[step];
  }
  at[last] = result;
  return whole;
}

type Rule = Readonly<Record<string, Data>>;

const comparisons: Readonly<Record<string, (one: Data, other: Data) => boolean>> = {
  StringEquals: (one, other) => typeof one === 'string' && one === other,
  BooleanEquals: (one, other) => typeof one === 'boolean' && one === other,
  NumericEquals: (one, other) => typeof one === 'number' && one === other,
  NumericLessThan: (one, other) => typeof one === 'number' && one < other,
  NumericLessThanEquals: (one, other) => typeof one === 'number' && one <= other,
  NumericGreaterThan: (one, other) => typeof one === 'number' && one > other,
  NumericGreaterThanEquals: (one, other) => typeof one === 'number' && one >= other,
  IsNull: (one, other) => (one === null) === other,
};

/** Whether a rule of a `Choice` holds. @throws {StateFailure} for a rule that is not understood here */
export function holds(rule: Rule, data: Data, context: Data): boolean {
  if (rule.And) return rule.And.every((one: Rule) => holds(one, data, context));
  if (rule.Or) return rule.Or.some((one: Rule) => holds(one, data, context));
  if (rule.Not) return !holds(rule.Not, data, context);
  const path = String(rule.Variable);
  if ('IsPresent' in rule) return isPresent(path, data) === rule.IsPresent;
  const [name, compare] = Object.entries(comparisons).find(([known]) => known in rule) ?? [];
  if (name === undefined || compare === undefined)
    throw new StateFailure('States.Runtime', `the rule ${JSON.stringify(rule)} is not understood on this machine`);
  return compare(read(path, data, context), rule[name]);
}
