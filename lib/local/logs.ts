/** The logs of an instance: what functions, gateway and database say, kept on disk and answered as CloudWatch Logs does. */
import { join } from 'node:path';
import { logGroups } from '../log-queries.ts';
import { formatAccess, type Served } from './access-log.ts';
import type { AwsEndpoint } from './aws-endpoint.ts';
import { openFunctionLogs } from './function-logs.ts';
import { type LogEvent, openLogJournal } from './log-journal.ts';
import { openLogsApi } from './logs-api.ts';
import { readServerLog } from './server-log.ts';

export interface LocalLogs {
  /** Takes what a function writes. */
  output(name: string, lines: string, stream: string): void;
  /** Takes what Lambda itself would write into a function's log. */
  platform(name: string, lines: string, stream: string): void;
  /** Takes a request that the gateway answered. @param format of the access log; without one nothing is kept */
  served(format: string | undefined, served: Served): void;
  /** Opens the API. @param serverLog path of the database's log now */
  open(serverLog: () => string): Promise<AwsEndpoint>;
}

/**
 * @param show takes what functions write for the terminal
 * @param written is told of each event in the log of a function
 */
export function openLocalLogs(
  folder: string,
  stage: string,
  show: (lines: string) => void,
  written: (group: string, events: readonly LogEvent[]) => void = () => {},
): LocalLogs {
  const keep = openFunctionLogs(folder, show);
  const journal = openLogJournal(join(folder, 'journal'));
  const platform: LocalLogs['platform'] = (name, lines, stream) => {
    const group = `/aws/lambda/${name}`;
    written(group, journal.write(group, stream, lines));
  };
  const database = logGroups.database(stage);
  return {
    platform,
    output(name, lines, stream) {
      keep(name, lines);
      platform(name, lines, stream);
    },
    served(format, served) {
      if (format !== undefined) journal.write(logGroups.access(stage), 'gateway', `${formatAccess(format, served)}\n`);
    },
    open: (serverLog) =>
      openLogsApi({
        groups: () => [...journal.groups(), database],
        read: (group, from, to) => (group === database ? readServerLog(serverLog(), from, to) : journal.read(group, from, to)),
      }),
  };
}
