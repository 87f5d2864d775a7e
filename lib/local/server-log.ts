/** Reads the log of the embedded Postgres as CloudWatch Logs shows that of an RDS instance. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { LogEvent } from './log-journal.ts';

/** The end of a log that is looked at, in bytes. */
const window = 8 * 1024 * 1024;

function readEnd(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, window));
    readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Events of `log_line_prefix` `%m …`; what has no time of its own belongs to the event before it. */
export function readServerLog(file: string, from: number, to: number): LogEvent[] {
  const events: LogEvent[] = [];
  for (const entry of readEnd(file).split(/\n(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC )/)) {
    const [, day, time] = /^(\S+) (\S+) UTC /.exec(entry) ?? [];
    const timestamp = Date.parse(`${day}T${time}Z`);
    if (Number.isNaN(timestamp) || timestamp < from || timestamp > to) continue;
    const message = entry.replace(/\n+$/, '');
    events.push({ id: `${timestamp}-${events.length}-${message.length}`, timestamp, stream: 'oauth2-local', message });
  }
  return events;
}
