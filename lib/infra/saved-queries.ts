/** The Logs Insights queries that an operator finds saved: what is asked of the logs again and again. */
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { functionName, procedureNames } from '../procedures.ts';
import { routeNames } from '../routes.ts';
import type { CheckedStage } from './read-stage.ts';

type Logs = 'requests' | 'procedures' | 'access' | 'database';

interface SavedQuery {
  readonly logs: Logs;
  readonly query: string;
}

export const savedQueries: Readonly<Record<string, SavedQuery>> = {
  errors: {
    logs: 'requests',
    query:
      'fields @timestamp, route, status, error, detail, client_id, request_id | filter status >= 500 or @message like /ERROR/ | sort @timestamp desc | limit 200',
  },
  'auth-failures': {
    logs: 'requests',
    query:
      'fields @timestamp, route, status, error, detail, client_id, request_id | filter status in [401, 403] | sort @timestamp desc | limit 200',
  },
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
    query: 'stats count(*) as requests, sum(status >= 400) as refused by address | sort requests desc | limit 50',
  },
  'cold-starts': {
    logs: 'requests',
    query:
      'filter @type = "REPORT" and ispresent(@initDuration) | stats count(*) as starts, pct(@initDuration, 95) as p95_ms, max(@maxMemoryUsed / 1000000) as memory_mb by @log',
  },
  procedures: { logs: 'procedures', query: 'fields @timestamp, @log, @message | sort @timestamp desc | limit 200' },
  'slow-queries': {
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
  const groups: Record<Logs, readonly string[]> = {
    requests: routeNames.map((name) => `/aws/lambda/${functionName(stage.name, name)}`),
    procedures: procedureNames.map((name) => `/aws/lambda/${functionName(stage.name, name)}`),
    access: [`/aws/vendedlogs/oauth2-${stage.name}-access`],
    database: stage.database.kind === 'managed' ? [`/aws/rds/instance/oauth2-${stage.name}/postgresql`] : [],
  };
  for (const [name, { logs, query }] of Object.entries(savedQueries)) {
    if (groups[logs].length === 0) continue;
    new CfnQueryDefinition(scope, `query-${name}`, {
      name: `oauth2-${stage.name}/${name}`,
      logGroupNames: [...groups[logs]],
      queryString: query.replaceAll(' | ', '\n| '),
    });
  }
}
