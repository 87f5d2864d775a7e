/** Reads the logs of a stage, several groups at once, in the order of time. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';

export interface LogLine {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly group: string;
  readonly stream: string;
  readonly message: string;
  /** The fields, where the message is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** What is read of which groups. */
export interface Selection {
  readonly groups: readonly string[];
  /** Filter patterns of a group, each asked by itself; none: everything. */
  patterns(group: string): readonly string[];
  /** Decides again, line by line, what a pattern cannot say. */
  keep(line: LogLine): boolean;
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Groups that are asked at a time: AWS lets through some five such calls a second. */
const abreast = 4;

/** Events that one command holds at most; who wants more exports in smaller windows. */
const most = 200_000;

function readJson(message: string): LogLine['json'] {
  if (!message.startsWith('{')) return undefined;
  try {
    return JSON.parse(message) as LogLine['json'];
  } catch {
    return undefined;
  }
}

async function readGroup(
  logs: CloudWatchLogsClient,
  group: string,
  pattern: string | undefined,
  { from, to }: Window,
  /** Lines to stop at. */
  enough = most,
): Promise<LogLine[]> {
  const { FilterLogEventsCommand, ResourceNotFoundException } = await import('@aws-sdk/client-cloudwatch-logs');
  const lines: LogLine[] = [];
  for (let token: string | undefined; lines.length < enough; ) {
    try {
      const page = await logs.send(
        new FilterLogEventsCommand({
          logGroupName: group,
          startTime: from,
          endTime: to,
          ...(enough < most && { limit: enough }),
          ...(pattern !== undefined && { filterPattern: pattern }),
          ...(token !== undefined && { nextToken: token }),
        }),
      );
      for (const { eventId = '', timestamp = 0, logStreamName = '', message = '' } of page.events ?? []) {
        const text = message.replace(/\n$/, '');
        lines.push({ id: eventId, time: timestamp, group, stream: logStreamName, message: text, json: readJson(text) });
      }
      token = page.nextToken;
    } catch (error) {
      // A function that never ran, a database that somebody else runs.
      if (error instanceof ResourceNotFoundException) return lines;
      throw error;
    }
    if (token === undefined) break;
  }
  return lines;
}

/** Every line of the window that is selected, oldest first. */
export async function readLogs(logs: CloudWatchLogsClient, selection: Selection, window: Window): Promise<LogLine[]> {
  const asked = selection.groups.flatMap((group): (readonly [string, string | undefined])[] => {
    const patterns = selection.patterns(group);
    return patterns.length === 0 ? [[group, undefined]] : patterns.map((pattern) => [group, pattern]);
  });
  const found = new Map<string, LogLine>();
  const work = asked.values();
  const worker = async () => {
    for (const [group, pattern] of work)
      for (const line of await readGroup(logs, group, pattern, window))
        if (selection.keep(line)) found.set(`${group} ${line.id}`, line);
  };
  await Promise.all(Array.from({ length: abreast }, worker));
  return [...found.values()].sort((one, other) => one.time - other.time);
}

/** How far back the last lines are looked for, in milliseconds. */
export const longestLookBackMs = 7 * 86_400_000;
/** The same step by step. */
const steps = [...[5, 60, 360, 1440].map((minutes) => minutes * 60_000), longestLookBackMs];

/** The first line that a group still has; undefined where it has none. */
export async function readFirst(logs: CloudWatchLogsClient, group: string): Promise<LogLine | undefined> {
  const [first] = await readGroup(logs, group, undefined, { from: 0, to: Date.now() }, 1);
  return first;
}

/** The last lines that are selected, oldest first; of the last seven days at most. */
export async function readLast(logs: CloudWatchLogsClient, selection: Selection, count: number, now: number): Promise<LogLine[]> {
  let lines: LogLine[] = [];
  let to = now;
  for (const step of steps) {
    lines = [...(await readLogs(logs, selection, { from: now - step, to })), ...lines];
    to = now - step - 1;
    if (lines.length >= count) break;
  }
  return count === 0 ? [] : lines.slice(-count);
}
