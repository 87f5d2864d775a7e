/** For each alarm, values of its metrics that make it fire, and those one step below that do not. */
import type { AlarmName } from '../../lib/alarms.ts';

/** By the metric's name in the alarm: its values of each minute. `value` where the alarm has no expression. */
export type Minute = Readonly<Record<string, number | readonly number[]>>;

export interface AlarmCase {
  readonly fires: Minute;
  /** Where more than one thing makes it fire. */
  readonly also_fires?: readonly Minute[];
  readonly rests: Minute;
}

const gib = 1024 ** 3;
/** As many values of a kind as of another. */
const mixed = (slow: number, of: number, slowMs: number) =>
  Array.from({ length: of }, (_, index) => (index < slow ? slowMs : 20));

export const alarmCases: Readonly<Record<AlarmName, AlarmCase>> = {
  HighErrorRate: { fires: { errors: 51, requests: 1000 }, rests: { errors: 50, requests: 1000 } },
  ErrorRateRaised: { fires: { errors: 21, requests: 1000 }, rests: { errors: 20, requests: 1000 } },
  HighResponseTime: { fires: { value: mixed(6, 100, 501) }, rests: { value: mixed(5, 100, 501) } },
  NotReady: { fires: { value: 1 }, rests: { value: 0 } },
  ServerDown: { fires: { value: 0 }, rests: { value: 1 } },
  DatabaseDown: { fires: { value: 49 }, rests: { value: 50 } },
  FunctionCrashing: { fires: { value: 1 }, rests: { value: 0 } },
  FunctionThrottled: { fires: { value: 1 }, rests: { value: 0 } },
  FunctionMemoryHigh: { fires: { value: 1 }, rests: { value: 0 } },
  ProcedureFailed: { fires: { value: 1 }, rests: { value: 0 } },
  ScheduleFailed: { fires: { value: 1 }, rests: { value: 0 } },
  RefreshTokenReused: { fires: { value: 1 }, rests: { value: 0 } },
  EventsBacklog: { fires: { value: 601 }, rests: { value: 600 } },
  EventsSetAside: { fires: { value: 1 }, rests: { value: 0 } },
  EventsDropped: { fires: { value: 1 }, rests: { value: 0 } },
  DatabaseCpuHigh: { fires: { value: 81 }, rests: { value: 80 } },
  // Of the 8 GiB of a db.m7g.large.
  DatabaseMemoryHigh: { fires: { free: 1.59 * gib }, rests: { free: 1.61 * gib } },
  DatabaseStorageLow: { fires: { value: 5 * gib - 1 }, rests: { value: 5 * gib } },
  ConnectionsPinned: { fires: { value: 1 }, rests: { value: 0 } },
  ActiveTokensHigh: { fires: { value: 100_001 }, rests: { value: 100_000 } },
  SigningKeyOverdue: { fires: { value: 35 * 86_400 + 1 }, rests: { value: 35 * 86_400 } },
  BackupOverdue: { fires: { value: 26 * 3600 + 1 }, rests: { value: 26 * 3600 } },
  BackupTooSlow: { fires: { value: 601 }, rests: { value: 600 } },
  RestoreDrillOverdue: { fires: { value: 35 * 86_400 + 1 }, rests: { value: 35 * 86_400 } },
  BackupNotCopied: { fires: { value: 1 }, rests: { value: 0 } },
  CertificateExpiring: { fires: { value: 29 }, rests: { value: 30 } },
};
