/** Stacks of a stage over stand-in handlers: what the templates say does not depend on what the functions do. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addStage, createApp, type StageStacks } from '../../lib/infra/app.ts';
import { readStage } from '../../lib/infra/read-stage.ts';
import { procedureNames } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { type Stage, stages } from '../../lib/stages.ts';
import { complete } from './complete-stage.ts';

/** Names of all stages of the table, and of the complete one. */
export const stageNames = [...Object.keys(stages), 'complete'];

/** A stage that wants no events. */
const quiet: Stage = { ...stages.dev, settings: { OAUTH2_EVENTS: 'off' } };

/** A stage that has got a domain. */
const named: Stage = {
  ...stages.dev,
  account: '111122223333',
  region: 'eu-central-1',
  domain: {
    name: 'auth.example.com',
    certificate_arn: 'arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555',
    hosted_zone: { id: 'Z0123456789ABCDEFGHIJ', name: 'example.com' },
  },
};

/** A stage that has lost its instance once. */
const again: Stage = { ...stages.production, database: { ...stages.production.database, generation: 2 } };

/** A stage in CloudFront's own region, which has had its origin's secret replaced, and names its zones. */
const moved: Stage = {
  ...complete,
  region: 'us-east-1',
  domain: { ...(complete.domain as NonNullable<Stage['domain']>), certificate_arn: complete.edge?.certificate_arn ?? '' },
  edge: { ...(complete.edge as NonNullable<Stage['edge']>), origin_secret: 3 },
  network: { ...stages.production.network, zone_names: ['us-east-1b', 'us-east-1c', 'us-east-1f'] },
};

const table: Readonly<Record<string, Stage>> = { ...stages, complete, quiet, named, again, moved };

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * Adds the stage's stacks to an app that writes to a folder of its own; nothing is synthesised yet.
 * @param validated whether the synth runs the CDK's own check of every template, which takes seconds
 */
export async function buildStage(name: string, validated = false): Promise<StageStacks> {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-infra-'));
  folders.push(folder);
  const bundles = new Map(
    [...routeNames, ...procedureNames, 'deploy-step', 'record-release'].map((fn) => {
      const bundle = join(folder, 'bundles', fn);
      mkdirSync(bundle, { recursive: true });
      writeFileSync(join(bundle, 'Dockerfile'), 'FROM scratch\n');
      writeFileSync(join(bundle, 'index.mjs'), `export const handler = async () => ${JSON.stringify(fn)};\n`);
      return [fn, { folder: bundle }];
    }),
  );
  return addStage(
    createApp({ outdir: join(folder, 'cdk.out'), builtinCloudFormationValidation: validated }),
    readStage(name, { table }),
    bundles,
  );
}
