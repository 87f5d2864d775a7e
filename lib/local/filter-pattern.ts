/** Filter patterns of CloudWatch Logs, as far as this project uses them: comparisons of JSON fields, and words. */
import { AwsError } from './aws-endpoint.ts';

type Test = (message: string) => boolean;

const comparison = /^\(?\s*\$\.([\w.[\]]+)\s*(=|!=|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)\s*\)?$/;

function refuse(pattern: string): never {
  throw new AwsError('InvalidParameterException', `The filter pattern ${pattern} is not understood on this machine.`);
}

function compare(found: unknown, operator: string, wanted: string | number): boolean {
  if (operator === '=') return found === wanted;
  if (operator === '!=') return found !== wanted;
  if (typeof found !== 'number' || typeof wanted !== 'number') return false;
  if (operator === '>=') return found >= wanted;
  if (operator === '<=') return found <= wanted;
  return operator === '>' ? found > wanted : found < wanted;
}

function readComparison(text: string, pattern: string): (fields: Record<string, unknown>) => boolean {
  const [, field = '', operator = '', value = ''] = comparison.exec(text.trim()) ?? refuse(pattern);
  const wanted = JSON.parse(value) as string | number;
  const path = field.split(/[.[\]]+/).filter(Boolean);
  return (fields) => {
    const found = path.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined | null)?.[name], fields);
    return found !== undefined && compare(found, operator, wanted);
  };
}

function readFields(pattern: string): Test {
  const inside = pattern.slice(1, -1);
  const all = inside.includes('&&');
  if (all && inside.includes('||')) refuse(pattern);
  const tests = inside.split(all ? '&&' : '||').map((text) => readComparison(text, pattern));
  return (message) => {
    if (!message.startsWith('{')) return false;
    try {
      const fields = JSON.parse(message) as Record<string, unknown>;
      return all ? tests.every((test) => test(fields)) : tests.some((test) => test(fields));
    } catch {
      return false;
    }
  };
}

/** `?a ?"b c"`: one of them; `a "b c"`: all of them. */
function readWords(pattern: string): Test {
  const words = [...pattern.matchAll(/(\??)(?:"([^"]+)"|([\w.:-]+))/g)];
  if (words.map(([text]) => text).join(' ') !== pattern.trim().replace(/\s+/g, ' ')) refuse(pattern);
  const texts = words.map(([, , quoted, bare]) => quoted ?? bare ?? '');
  const any = words.every(([, mark]) => mark === '?');
  return (message) => (any ? texts.some((text) => message.includes(text)) : texts.every((text) => message.includes(text)));
}

/** @throws AwsError InvalidParameterException for what this machine does not understand */
export function readFilterPattern(pattern: string): Test {
  const text = pattern.trim();
  if (text === '') return () => true;
  return text.startsWith('{') && text.endsWith('}') ? readFields(text) : readWords(text);
}
