/** Lays a line of a log out for people: time, function, level, status and message, in one line. */
import type { LogLine } from './read-logs.ts';

/** Fields that have a column of their own, or say nothing to a person. */
const shownElsewhere = ['level', 'message', 'timestamp', 'route', 'procedure', 'status', 'time'];

/** `token` of `/aws/lambda/oauth2-dev-token`, `access`, `database`. */
export function nameOfGroup(stage: string, group: string): string {
  if (group.startsWith('/aws/lambda/')) return group.slice('/aws/lambda/'.length).replace(`oauth2-${stage}-`, '');
  return group.startsWith('/aws/rds/') ? 'database' : 'access';
}

/** Number of the version in the name of a sandbox's stream: `2026/11/24/[12]0f…` */
export function versionOfStream(stream: string): string | undefined {
  return /\[(\$?\w+)\]/.exec(stream)?.[1];
}

/** Not what an operator looks for: metrics, and what Lambda says of every invocation that went well. */
export function isNoise({ message, json }: LogLine): boolean {
  if (json !== undefined) return '_aws' in json;
  return /^(START|END) RequestId: |^INIT_START |^EXTENSION\t|^XRAY TraceId: /.test(message) || isGoodReport(message);
}

function isGoodReport(message: string): boolean {
  return message.startsWith('REPORT RequestId: ') && !/Status: (error|timeout)/.test(message);
}

function levelOf({ message, json }: LogLine): string {
  if (json !== undefined) return String(json.level ?? '–');
  if (/ERROR|FATAL|PANIC|Task timed out|Runtime exited|Status: (error|timeout)|^\w*Error\b/.test(message)) return 'error';
  return /WARN/.test(message) ? 'warn' : '–';
}

function describe({ message, json }: LogLine): string {
  if (json === undefined) return message.replace(/\s*\n\s*/g, ' ⏎ ').replaceAll('\t', ' ');
  const rest = Object.entries(json).flatMap(([name, value]) =>
    shownElsewhere.includes(name) || value === null || value === undefined
      ? []
      : [`${name}=${typeof value === 'string' ? value.replace(/\s*\n\s*/g, ' ⏎ ') : JSON.stringify(value)}`],
  );
  return [json.message, ...rest].filter(Boolean).join(' ');
}

/** Terminals obey control characters, and a log holds what strangers sent. */
function disarm(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/** The first line of a text; an ellipsis stands for what is beyond so many letters of it. */
export function shorten(text: string, most: number): string {
  const [line = ''] = text.split('\n');
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`;
}

export function formatLine(stage: string, line: LogLine): string {
  const time = new Date(line.time).toISOString().replace('T', ' ').replace('Z', '');
  const status = String(line.json?.status ?? '–');
  const name = nameOfGroup(stage, line.group);
  return disarm(`${time}  ${name.padEnd(12)}  ${levelOf(line).padEnd(5)}  ${status.padEnd(3)}  ${describe(line)}`);
}

/** The raw line; one that is no JSON is wrapped, so that every line is. */
export function rawLine(stage: string, line: LogLine): string {
  if (line.json !== undefined) return line.message;
  const { time, group, stream, message } = line;
  const timestamp = new Date(time).toISOString();
  return JSON.stringify({ timestamp, function: nameOfGroup(stage, group), stream, message });
}

/** Everything that is known of a line, for an export. */
export function exportLine({ time, group, stream, message, json }: LogLine): string {
  const timestamp = new Date(time).toISOString();
  return JSON.stringify({ timestamp, log_group: group, log_stream: stream, message: json ?? message });
}
