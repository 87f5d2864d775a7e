/** The table of the states that a restore goes through, in words for whoever watches it. */

export const restoreStateNames = {
  Begin: 'which backup',
  ByBackup: 'the backup that was named',
  Rewind: 'make an instance beside, as the database was at that instant: some 30 minutes on RDS, while everything is served',
  LookRewound: 'look whether it is there',
  IsRewound: 'go on when it is',
  AwaitRewound: 'wait for it',
  DumpRewound: 'dump it',
  RemoveRewound: 'remove the instance',
  Check: 'read the backup, and see that it is what was written: everything is served meanwhile',
  Maintenance: 'maintenance mode on: what writes is answered 503',
  SafetyBackup: 'safety backup of the database as it is',
  Unsaved: 'NO safety backup: see that the database answers, and go on, as it is kept itself',
  Load: 'load the backup into a database beside the one that serves, and compare every table',
  Revoke: 'end in it what was revoked since',
  Swap: 'let it take the place of the one that serves',
  Schema: 'see that the schema is that of this release',
  Keys: 'publish the signing keys that are in use',
  Finish: 'count what it has, and leave maintenance mode',
  Restored: 'restored',
  TakeBack: 'FAILED: let the database of before serve again, and leave maintenance mode',
  TakenBack: 'everything is as it was before',
  Unwind: 'FAILED: remove the instance',
  NotRewound: 'nothing was changed',
  NotBegun: 'FAILED: nothing was changed',
} as const;

export type RestoreState = keyof typeof restoreStateNames;

/** States that tell whoever watches nothing new. */
export const quietStates: readonly RestoreState[] = ['Begin', 'ByBackup', 'LookRewound', 'IsRewound', 'AwaitRewound'];

/** The deployed name of the state machine. */
export const restoreMachineName = (stage: string): string => `oauth2-${stage}-restore`;

/** What a backup is called. */
export const backupIdForm = /^oauth2-\d{8}T\d{6}Z$/;

/** The message in the cause of what failed, which Lambda gives as JSON. */
export function reasonOf(cause: string | undefined): string {
  try {
    return String((JSON.parse(cause ?? '') as { errorMessage?: unknown }).errorMessage ?? cause);
  } catch {
    return cause ?? 'its history says why';
  }
}
