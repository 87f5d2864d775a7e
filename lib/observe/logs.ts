/** Shows, follows, searches and exports the logs of a stage. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { LogQueryName } from '../log-queries.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { listReleases } from '../releases/ledger.ts';
import type { Release } from '../releases/record.ts';
import { answering, oneRelease, type ToolContext, type ToolProcedure, withClients } from '../releases/tool.ts';
import { exportLine, formatLine, nameOfGroup, rawLine } from './log-lines.ts';
import { selectCrashes, selectLogs } from './log-selection.ts';
import { type LogLine, readLast, readLogs, type Selection } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

export interface LogsInput {
  readonly view?: LogQueryName | 'export';
  readonly functions: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly tail?: number;
  readonly follow?: boolean;
  readonly release?: number;
  /** Only what sandboxes wrote that crashed, each up to its end. */
  readonly crashed?: boolean;
  readonly count?: boolean;
  /** File of an export; by default standard output. */
  readonly to?: string;
}

const hour = 3_600_000;
/** Lines that are shown where neither a time nor a number is given. */
const usualTail = 100;
/** Lines that a sandbox which crashed is shown with. */
const crashTail = 50;
/** A line may come this late, in milliseconds. */
const late = 15_000;

async function findRelease(stage: string, number: number | undefined): Promise<Release | undefined> {
  if (number === undefined) return undefined;
  if (stage === 'local') throw new ReleaseFault('one_release', oneRelease);
  const releases = await withClients(({ ssm }) => listReleases(ssm, stage));
  const found = releases.find((one) => one.number === number);
  if (!found)
    throw new ReleaseFault('unknown_release', `stage "${stage}" has no release ${number}: oauth2ctl releases lists them`);
  return found;
}

/** Lines that are there now: of a time, the last few, or both. */
async function readNow(logs: CloudWatchLogsClient, selection: Selection, { since, tail, follow }: LogsInput): Promise<LogLine[]> {
  const now = Date.now();
  if (since === undefined) return readLast(logs, selection, tail ?? (follow ? 10 : usualTail), now);
  const lines = await readLogs(logs, selection, { from: since, to: now });
  return tail === undefined ? lines : tail === 0 ? [] : lines.slice(-tail);
}

/** The last lines of each sandbox that crashed: what a restarted process leaves behind in its predecessor's log. */
async function readCrashed(logs: CloudWatchLogsClient, stage: string, input: LogsInput, release?: Release): Promise<LogLine[]> {
  const window = { from: input.since ?? Date.now() - 24 * hour, to: Date.now() };
  const crashes = await readLogs(logs, selectCrashes(stage, input.functions), window);
  const streams = new Set(crashes.map(({ group, stream }) => `${group} ${stream}`));
  if (streams.size === 0) return [];
  const functions = [...new Set(crashes.map(({ group }) => nameOfGroup(stage, group)))];
  const all = await readLogs(logs, selectLogs(stage, { view: undefined, functions, release }), window);
  const byStream = Map.groupBy(all, ({ group, stream }) => `${group} ${stream}`);
  return [...streams].flatMap((stream) => (byStream.get(stream) ?? []).slice(-(input.tail ?? crashTail)));
}

async function follow(context: ToolContext, logs: CloudWatchLogsClient, selection: Selection, shown: readonly LogLine[]) {
  const { stage, print, json, signal } = context;
  const told = new Map(shown.map((line) => [`${line.group} ${line.id}`, line.time]));
  const started = Date.now();
  // AWS lets through some five calls a second.
  const wait = Math.max(stage === 'local' ? 250 : 1000, stage === 'local' ? 0 : selection.groups.length * 200);
  while (!signal?.aborted) {
    const from = Math.max(Date.now() - wait - late, started - late);
    for (const line of await readLogs(logs, selection, { from, to: Date.now() })) {
      const key = `${line.group} ${line.id}`;
      if (told.has(key) || line.time < (shown.at(-1)?.time ?? started)) continue;
      told.set(key, line.time);
      print(`${json ? rawLine(stage, line) : formatLine(stage, line)}\n`);
    }
    for (const [key, time] of told) if (time < from - late) told.delete(key);
    await pause(wait, undefined, signal ? { signal } : {}).catch(() => {});
  }
}

function showCounts({ stage, json, print }: ToolContext, lines: readonly LogLine[]): void {
  const keyOf = (line: LogLine) =>
    [nameOfGroup(stage, line.group), line.json?.status, line.json?.error ?? line.json?.question]
      .filter((part) => part !== undefined)
      .join(' ');
  const counts = [...Map.groupBy(lines, keyOf)].map(([what, { length }]) => ({ what, events: length }));
  counts.sort((one, other) => other.events - one.events);
  if (json) print(`${JSON.stringify({ total: lines.length, counts })}\n`);
  else
    print(
      [`${lines.length} in all`, ...counts.map(({ what, events }) => `${String(events).padStart(7)}  ${what}`), ''].join('\n'),
    );
}

/** Writes everything, hour by hour, so that no more than an hour is held at once. */
async function exportLogs(context: ToolContext, logs: CloudWatchLogsClient, selection: Selection, input: LogsInput) {
  const now = Date.now();
  const file = input.to === undefined ? undefined : createWriteStream(input.to, { mode: 0o600, flags: 'wx' });
  // A file that cannot be made says so at once.
  if (file)
    await once(file, 'open').catch((error: Error) => {
      throw new ReleaseFault('not_written', `${error.message}: choose another file; none is written over`);
    });
  let events = 0;
  const write = (lines: readonly LogLine[]) => {
    events += lines.length;
    const text = lines.map((line) => `${exportLine(line)}\n`).join('');
    if (file) file.write(text);
    else if (text !== '') context.print(text);
  };
  if (input.tail !== undefined && input.since === undefined) write(await readLast(logs, selection, input.tail, now));
  else
    for (let from = input.since ?? now - hour; from <= now; from += hour)
      write(await readLogs(logs, selection, { from, to: Math.min(from + hour - 1, now) }));
  if (!file) return;
  file.end();
  await finished(file);
  context.print(context.json ? `${JSON.stringify({ events, file: input.to })}\n` : `${events} events written to ${input.to}\n`);
}

export const showLogs: ToolProcedure = answering(async (context, { input }) => {
  const wanted = input as unknown as LogsInput;
  const { stage, print, json } = context;
  const release = await findRelease(stage, wanted.release);
  const view = wanted.view === 'export' ? undefined : wanted.view;
  const whole = wanted.view === 'export';
  const selection = selectLogs(stage, { view, functions: wanted.functions, release, whole });
  await withLogs(context, async (logs) => {
    if (whole) return exportLogs(context, logs, selection, wanted);
    const lines = wanted.crashed
      ? await readCrashed(logs, stage, wanted, release)
      : await readNow(logs, selection, wanted.count ? { ...wanted, since: wanted.since ?? Date.now() - hour } : wanted);
    if (wanted.count) return showCounts(context, lines);
    if (lines.length === 0 && !wanted.follow && !json) print('There is no such line in that time.\n');
    for (const line of lines) print(`${json ? rawLine(stage, line) : formatLine(stage, line)}\n`);
    if (wanted.follow) await follow(context, logs, selection, lines);
  });
  return { outcome: 'succeeded', plan: { steps: [] } };
});
