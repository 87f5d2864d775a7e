/** Puts the stacks of one stage together. */
import { createRequire } from 'node:module';
import { App, type AppProps, type StackProps } from 'aws-cdk-lib';
import type { ExternalDatabase, StackPart } from '../stages.ts';
import { ApiStack } from './api-stack.ts';
import { placeOfCopies } from './backup-copies.ts';
import { BackupStack } from './backup-stack.ts';
import type { Bundle } from './bundle.ts';
import { CopyStack } from './copy-stack.ts';
import { DataStack } from './data-stack.ts';
import { externalDatabase } from './database.ts';
import type { EdgeStack } from './edge-stack.ts';
import { EventsStack, hasBus } from './events-stack.ts';
import { KeysStack } from './keys-stack.ts';
import { NetworkStack } from './network-stack.ts';
import type { ObservabilityStack } from './observability-stack.ts';
import { OpsStack } from './ops-stack.ts';
import type { CheckedStage } from './read-stage.ts';

/** Feature flags stand here and not in `cdk.json`, so that a synth without the CDK's command-line tool is the same one. */
const flags = {
  ...(createRequire(import.meta.url)('aws-cdk-lib/recommended-feature-flags.json') as Record<string, unknown>),
  // Exports keep a stack from losing what another one still uses.
  '@aws-cdk/core:defaultCrossStackReferences': 'strong',
  // The local runtime finds a function's bundle by it.
  'aws:cdk:enable-asset-metadata': true,
};

export interface StageStacks {
  readonly app: App;
  readonly network: NetworkStack;
  /** Where the stage has a database of its own. */
  readonly data?: DataStack;
  readonly keys: KeysStack;
  /** Where the stage names a second region. */
  readonly copies?: CopyStack;
  readonly backups: BackupStack;
  /** Where the stage has a bus. */
  readonly events?: EventsStack;
  readonly ops: OpsStack;
  readonly api: ApiStack;
  /** Where CloudFormation carries the stage out. */
  readonly observability?: ObservabilityStack;
  /** Where the stage names an edge. */
  readonly edge?: EdgeStack;
}

/** An app with the feature flags that the templates were made for. */
export function createApp(props: AppProps = {}): App {
  return new App({ analyticsReporting: false, treeMetadata: false, ...props, context: { ...flags, ...props.context } });
}

/** Adds every stack of the stage to the app; nothing is written before `app.synth()`. */
export async function addStage(
  app: App,
  stage: CheckedStage,
  bundles: ReadonlyMap<string, Pick<Bundle, 'folder'>>,
): Promise<StageStacks> {
  const id = (part: StackPart) => `oauth2-${stage.name}-${part}`;
  const props = (purpose: string): StackProps => ({
    description: `OAuth 2.1 authorization server, ${stage.name}: ${purpose}`,
    ...(stage.account && stage.region && { env: { account: stage.account, region: stage.region } }),
    terminationProtection: stage.retains,
  });
  const { database, domain, edge: front, account } = stage;
  const network = new NetworkStack(app, id('network'), { stage, ...props('network and address') });
  const data =
    database.kind === 'managed' && network.private
      ? new DataStack(app, id('data'), { stage, database, network: network.private, ...props('database') })
      : undefined;
  const keys = new KeysStack(app, id('keys'), { stage, ...props('signing keys') });
  const place = placeOfCopies(stage);
  const copies = place && new CopyStack(app, id('copies'), { ...props('copies of the backups'), stage, place, env: place });
  const backups = new BackupStack(app, id('backups'), { stage, ...props('backups of the database') });
  // S3 copies only into a bucket that is there.
  if (copies) backups.addStackDependency(copies);
  const events = hasBus(stage) ? new EventsStack(app, id('events'), { stage, ...props('bus of events') }) : undefined;
  const reached = data ?? externalDatabase(database as ExternalDatabase);
  const house = { stage, bundles, network, database: reached, keys, backups, ...(events && { events }) };
  const ops = new OpsStack(app, id('ops'), { house, ...props('procedures and schedules') });
  const api = new ApiStack(app, id('api'), { house, ops, ...props('endpoints') });
  // New code takes traffic only after the procedures have prepared database and keys for it.
  api.addStackDependency(ops);
  const stored = { keys, ...(data && { data }), ...(copies && { copies }), backups, ...(events && { events }) };
  const stacks: StageStacks = { app, network, ...stored, ops, api };
  // Without CloudWatch there is nothing that would read the rest, and every start would wait for it to load.
  if (!stage.deployed) return stacks;

  const { ObservabilityStack } = await import('./observability-stack.ts');
  const observability = new ObservabilityStack(app, id('observability'), {
    stage,
    network,
    ops,
    backups,
    ...(events && { events }),
    ...props('alarms and dashboard'),
  });
  // Its queries and graphs are of what the other stacks make.
  observability.addStackDependency(api);
  if (!domain || !front || !account) return { ...stacks, observability };

  const { EdgeStack } = await import('./edge-stack.ts');
  const edge = new EdgeStack(app, id('edge'), {
    ...props('CloudFront and firewall'),
    stage,
    domain,
    edge: front,
    issuer_path: network.issuer_path,
    env: { account, region: 'us-east-1' },
  });
  edge.addStackDependency(api);
  return { ...stacks, observability, edge };
}
