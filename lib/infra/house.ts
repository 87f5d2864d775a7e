/** What every function is built from: its stage, its bundles and the places that it may be admitted to. */
import type { BackupStack } from './backup-stack.ts';
import type { Bundle } from './bundle.ts';
import type { Database } from './database.ts';
import type { EventsStack } from './events-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import type { CheckedStage } from './read-stage.ts';

export interface House {
  readonly stage: CheckedStage;
  readonly bundles: ReadonlyMap<string, Pick<Bundle, 'folder'>>;
  readonly network: NetworkStack;
  readonly database: Database;
  readonly keys: KeysStack;
  readonly backups: BackupStack;
  /** Where the stage has a bus. */
  readonly events?: EventsStack;
}
