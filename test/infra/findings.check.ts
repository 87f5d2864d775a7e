/** Every stage under the AwsSolutions rules and the CDK's own validator: slow, so `npm run test:infra` runs it and `npm test` does not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { buildStage, stageNames } from './stand-ins.ts';

describe('no finding that is not acknowledged with its reason', () => {
  for (const name of stageNames) {
    it(`is in ${name}`, async () => {
      const { app } = await buildStage(name, true);
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      // A finding throws, after the CDK has printed it with the line that made the resource.
      const assembly = app.synth();
      assert.ok(assembly.stacks.length >= 4);
    });
  }
});

describe('the rules', () => {
  it('do find what is wrong', async () => {
    const { Bucket } = await import('aws-cdk-lib/aws-s3');
    const { app, keys } = await buildStage('local');
    new Bucket(keys, 'open');
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    assert.throws(() => app.synth(), /Validation failed/);
  });
});
