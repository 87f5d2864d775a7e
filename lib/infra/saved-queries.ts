/** The Logs Insights queries that an operator finds saved: what is asked of the logs again and again. */
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { type Condition, groupsOf, insightsFilter, type LogQuery, type Logs, logQueries } from '../log-queries.ts';
import type { CheckedStage } from './read-stage.ts';

interface SavedQuery {
  readonly logs: Logs;
  /** The log that knows it where CloudFront stands in front. */
  readonly behind_edge?: Logs;
  readonly query: string;
}

/** What `oauth2ctl logs` asks, as a list and as counts, for each log that it asks. */
function tabled(): [name: string, query: SavedQuery][] {
  return Object.entries<LogQuery>(logQueries).flatMap(([name, { any, fields, counted_by }]) =>
    (Object.entries(any) as [Logs, readonly Condition[]][]).flatMap(([logs, conditions]): [string, SavedQuery][] => {
      const own = logs === 'requests' ? name : `${name}-of-${logs}`;
      const filter = insightsFilter(conditions);
      const by = logs === 'database' ? 'bin(5m)' : counted_by;
      return [
        [own, { logs, query: `fields ${fields} | ${filter} | sort @timestamp desc | limit 200` }],
        [`${own}-counted`, { logs, query: `${filter} | stats count(*) as events by ${by} | sort events desc | limit 100` }],
      ];
    }),
  );
}

export const savedQueries: Readonly<Record<string, SavedQuery>> = {
  ...Object.fromEntries(tabled()),
  'auth-failures-by-client': {
    logs: 'requests',
    query: 'filter status in [401, 403] | stats count(*) as failures by client_id, error | sort failures desc | limit 50',
  },
  'slow-requests': {
    logs: 'access',
    query:
      'fields @timestamp, route, status, latency_ms, integration_ms, request_id | filter latency_ms > 500 | sort latency_ms desc | limit 200',
  },
  'requests-by-route': {
    logs: 'access',
    query:
      'stats count(*) as requests, sum(status >= 500) as failed, pct(latency_ms, 50) as p50, pct(latency_ms, 95) as p95, pct(latency_ms, 99) as p99 by route | sort requests desc',
  },
  'requests-by-address': {
    logs: 'access',
    behind_edge: 'requests',
    query: 'stats count(*) as requests, sum(status >= 400) as refused by address | sort requests desc | limit 50',
  },
  'cold-starts': {
    logs: 'requests',
    query:
      'filter @type = "REPORT" and ispresent(@initDuration) | stats count(*) as starts, pct(@initDuration, 95) as p95_ms, max(@maxMemoryUsed / 1000000) as memory_mb by @log',
  },
  'memory-by-function': {
    logs: 'requests',
    query:
      'filter @type = "REPORT" | stats max(100 * @maxMemoryUsed / @memorySize) as percent, count(*) as invocations by @log | sort percent desc',
  },
  procedures: { logs: 'procedures', query: 'fields @timestamp, @log, @message | sort @timestamp desc | limit 200' },
  'slowest-statements': {
    logs: 'database',
    query:
      'fields @timestamp, @message | filter @message like /duration:/ | parse @message "duration: * ms" as duration_ms | sort duration_ms desc | limit 100',
  },
  'database-errors': {
    logs: 'database',
    query: 'fields @timestamp, @message | filter @message like /ERROR|FATAL|PANIC/ | sort @timestamp desc | limit 200',
  },
};

export function addSavedQueries(scope: Construct, stage: CheckedStage): void {
  for (const [name, { logs, behind_edge = logs, query }] of Object.entries(savedQueries)) {
    // A database that somebody else runs has its log elsewhere.
    if (logs === 'database' && stage.database.kind !== 'managed') continue;
    new CfnQueryDefinition(scope, `query-${name}`, {
      name: `oauth2-${stage.name}/${name}`,
      logGroupNames: groupsOf(stage.name, stage.edge ? behind_edge : logs),
      queryString: query.replaceAll(' | ', '\n| '),
    });
  }
}
