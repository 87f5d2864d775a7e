/** Which drill makes which alarm fire: each drill fails where it leaves out one of its own, and a row that is missing fails the types. */
import assert from 'node:assert/strict';
import type { AlarmName } from '../../lib/alarms.ts';
import { burnAlarms, objectiveNames } from '../../lib/objectives.ts';

const drill = {
  failures: 'test/drills/alarms.test.ts',
  backups: 'test/drills/slow-backup.test.ts',
  instance: 'test/drills/instance-alarms.test.ts',
  pinning: 'test/drills/pinned-connections.test.ts',
  aws: 'test/aws/alarms.test.ts',
} as const;

export type AlarmDrillName = keyof typeof drill;

const places: Readonly<Record<AlarmName, AlarmDrillName>> = {
  HighErrorRate: 'failures',
  ErrorRateRaised: 'failures',
  HighResponseTime: 'failures',
  NotReady: 'failures',
  ServerDown: 'failures',
  DatabaseDown: 'failures',
  FunctionCrashing: 'failures',
  FunctionThrottled: 'failures',
  FunctionMemoryHigh: 'failures',
  ProcedureFailed: 'failures',
  ScheduleFailed: 'aws',
  RefreshTokenReused: 'failures',
  EventsBacklog: 'failures',
  EventsSetAside: 'failures',
  EventsDropped: 'aws',
  DatabaseCpuHigh: 'instance',
  DatabaseMemoryHigh: 'instance',
  DatabaseStorageLow: 'instance',
  ConnectionsPinned: 'pinning',
  ActiveTokensHigh: 'failures',
  SigningKeyOverdue: 'failures',
  BackupOverdue: 'failures',
  BackupTooSlow: 'backups',
  RestoreDrillOverdue: 'failures',
  BackupNotCopied: 'aws',
  CertificateExpiring: 'aws',
};

/** Those of the objectives, which the alarm table does not have. */
const burns = objectiveNames.flatMap((name) => burnAlarms.map(({ suffix }) => `${name}${suffix}`));

/** File of the drill that makes an alarm fire. */
export const placeOf = (name: AlarmName): string => drill[places[name]];

/** @throws {AssertionError} where one of the drill's own alarms has not fired, or one of another drill's has; `fired` has them by name, of some with what they watch */
export function assertAllFired(here: AlarmDrillName, fired: Readonly<Record<string, string>>): void {
  const own = Object.entries(places).flatMap(([name, place]) => (place === here ? [name] : []));
  const expected = here === 'failures' ? [...own, ...burns] : own;
  const found = new Set(Object.keys(fired).map((name) => name.replace(/-.*/, '')));
  assert.deepEqual([...found].toSorted(), expected.toSorted());
}
