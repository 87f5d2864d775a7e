/** Computes the part of CloudWatch's metric math that the alarms use: arithmetic, comparison, AND, OR, IF and FILL over one point in time. */

type Value = number | undefined;
/** What an expression comes to, given its metrics; nothing where one of them has no value then. */
type Compute = (values: Readonly<Record<string, Value>>) => Value;

const binary: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { OR: (a, b) => Number(a !== 0 || b !== 0) },
  { AND: (a, b) => Number(a !== 0 && b !== 0) },
  {
    '>': (a, b) => Number(a > b),
    '<': (a, b) => Number(a < b),
    '>=': (a, b) => Number(a >= b),
    '<=': (a, b) => Number(a <= b),
    '==': (a, b) => Number(a === b),
  },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b },
];

const functions: Readonly<Record<string, (parts: readonly Compute[]) => Compute>> = {
  IF:
    ([condition, then, otherwise]) =>
    (values) => {
      const holds = condition?.(values);
      return holds === undefined ? undefined : (holds === 0 ? otherwise : then)?.(values);
    },
  FILL:
    ([metric, filling]) =>
    (values) =>
      metric?.(values) ?? filling?.(values),
};

/** @throws {Error} for what this part of the language does not have */
export function parseMetricMath(expression: string): Compute {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e\d+)?|>=|<=|==|\S/g) ?? [];
  let next = 0;
  const take = (expected?: string): string => {
    const token = tokens[next++];
    if (token === undefined || (expected !== undefined && token !== expected))
      throw new Error(`"${expression}": ${expected ?? 'more'} was expected instead of ${token ?? 'the end'}`);
    return token;
  };
  const operand = (): Compute => {
    const token = take();
    if (token === '(') {
      const inner = level(0);
      take(')');
      return inner;
    }
    if (/^\d/.test(token)) return () => Number(token);
    if (!/^\w/.test(token)) throw new Error(`"${expression}": ${token} is not known here`);
    if (tokens[next] !== '(') return (values) => values[token];
    const make = functions[token];
    if (!make) throw new Error(`the function ${token} is not known; teach test/support/metric-math.ts`);
    const parts: Compute[] = [];
    do {
      take();
      parts.push(level(0));
    } while (tokens[next] === ',');
    take(')');
    return make(parts);
  };
  const level = (depth: number): Compute => {
    const operators = binary[depth];
    if (!operators) return operand();
    let left = level(depth + 1);
    for (let apply = operators[tokens[next] ?? '']; apply; apply = operators[tokens[next] ?? '']) {
      take();
      const [first, second, operator] = [left, level(depth + 1), apply];
      left = (values) => {
        const [a, b] = [first(values), second(values)];
        return a === undefined || b === undefined ? undefined : operator(a, b);
      };
    }
    return left;
  };
  const compute = level(0);
  if (next < tokens.length) throw new Error(`"${expression}": ${tokens[next]} was not expected`);
  return compute;
}
