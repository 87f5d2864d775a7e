/** Where each limit of production is hit, by arithmetic alone: requests a second at which it is full. */
import { billedMs } from '../costs/use.ts';
import type { Measured, RequestKind } from '../figures/measured.ts';
import { fixed } from './deployment.ts';
import { productionSettings } from './scenarios.ts';

export interface Limit {
  readonly name: string;
  readonly value: string;
  /** Requests a second. */
  readonly full_at: number;
  readonly raised_by: string;
}

const secondsPerDay = 86_400;
/** Bytes a second that a gp3 volume of RDS below 400 GiB writes without more being bought. */
const volumeBytes = 125e6;

export const functionMemory = 512;

/** @param kind what every request is */
export function computeLimits(measured: Measured, kind: RequestKind): readonly Limit[] {
  const settings = productionSettings(measured);
  const { statements, database_ms, wal_bytes } = measured.requests[kind];
  const seconds = (billedMs(measured, kind, functionMemory) + statements * fixed.commit_ms) / 1000;
  const reserved = Object.values(settings.reserved).reduce((sum, each) => sum + each, 0);
  const sandboxes = settings.account_concurrency - reserved;
  const held = (database_ms + statements * fixed.commit_ms) / 1000;
  return [
    {
      name: 'Throttle of the token route',
      value: `${settings.route_rps.token} a second`,
      full_at: settings.route_rps.token,
      raised_by: '`throttle.token` in `lib/stages.ts`',
    },
    {
      name: 'Processors of the database',
      value: `${settings.database_vcpu} vCPU, ${database_ms} ms a request`,
      full_at: (settings.database_vcpu * 1000) / database_ms,
      raised_by: '`instance_class` in `lib/stages.ts`',
    },
    {
      name: 'API Gateway, all routes of the account in a region',
      value: `${settings.account_rps} a second`,
      full_at: settings.account_rps,
      raised_by: 'a quota of AWS, raised on request',
    },
    {
      name: 'Invocations for each sandbox of the quota',
      value: `${sandboxes} × ${fixed.rps_per_sandbox} a second`,
      full_at: sandboxes * fixed.rps_per_sandbox,
      raised_by: 'the quota of concurrent executions',
    },
    {
      name: 'Connections of the proxy',
      value: `${settings.connections}, each held ${(held * 1000).toFixed(1)} ms`,
      full_at: settings.connections / held,
      raised_by: '`max_connections` and with it the instance class',
    },
    {
      name: 'Sandboxes at work at once',
      value: `${sandboxes}, each ${Math.round(seconds * 1000)} ms`,
      full_at: sandboxes / seconds,
      raised_by: 'the quota of concurrent executions',
    },
    ...(wal_bytes === 0
      ? []
      : [
          {
            name: 'Write-ahead log on a gp3 volume',
            value: `${wal_bytes} B a request, doubled for full pages`,
            full_at: volumeBytes / (wal_bytes * 2),
            raised_by: 'more than 400 GiB, or bought throughput',
          },
        ]),
  ].sort((a, b) => a.full_at - b.full_at);
}

export interface Growth {
  readonly per_second: number;
  /** Bytes of access tokens that stand at the end of a day, which is when yesterday's have left. */
  readonly access_tokens: number;
  readonly wal_a_day: number;
}

/** Storage of `client_credentials` tokens: their number stops growing after a day, as the partition of a day is dropped when it is over. */
export function computeGrowth({ requests, row_bytes }: Measured, perSecond: number): Growth {
  return {
    per_second: perSecond,
    access_tokens: perSecond * secondsPerDay * row_bytes.access_tokens,
    wal_a_day: perSecond * secondsPerDay * requests.client_credentials.wal_bytes,
  };
}
