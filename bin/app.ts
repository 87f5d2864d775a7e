#!/usr/bin/env node
/** The CDK app: bundles every function and synthesises the stacks of the stage that the context or OAUTH2_STAGE names. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { bundleFunctions, deployStepSources, functionSources } from '../lib/infra/bundle.ts';
import { readCommit } from '../lib/infra/commit.ts';
import { readStage } from '../lib/infra/read-stage.ts';

const environment = process.env;
const root = join(import.meta.dirname, '..');
const outdir = environment.CDK_OUTDIR ?? 'cdk.out';
// Compiling the CDK anew takes a third of a synth, and `npm start` waits for it.
enableCompileCache(join(root, 'node_modules/.cache/node'));

try {
  const context = JSON.parse(environment.CDK_CONTEXT_JSON || '{}') as { stage?: string };
  const stage = readStage(context.stage ?? environment.OAUTH2_STAGE ?? 'local', { environment, commit: readCommit(root) });
  const sources = [...functionSources(root), ...(stage.deployed ? deployStepSources(root) : [])];
  // The bundler is a process of its own and works while the CDK is loaded.
  const [bundles, { addStage, createApp }] = await Promise.all([
    bundleFunctions(sources, join(outdir, 'bundles')),
    import('../lib/infra/app.ts'),
  ]);
  const app = createApp({ outdir });
  await addStage(app, stage, bundles);
  app.synth();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
