/** The end of the stage: oauth2ctl destroy deletes every stack of it against the order of the deployment. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CloudFormationClient, paginateDescribeStacks } from '@aws-sdk/client-cloudformation';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { operate, stage } from './stage-under-test.ts';

const cloudFormation = new CloudFormationClient({});
after(() => cloudFormation.destroy());

async function stacksThere(): Promise<string[]> {
  const names: string[] = [];
  for await (const { Stacks = [] } of paginateDescribeStacks({ client: cloudFormation }, {}))
    for (const { StackName = '', StackStatus } of Stacks)
      if (StackName.startsWith(`oauth2-${stage}-`) && StackStatus !== 'DELETE_COMPLETE') names.push(StackName);
  return names;
}

test('the plan names every stack, and changes nothing', async () => {
  const before = await stacksThere();
  assert.ok(before.length > 3);
  const { code, json, stderr } = await operate(['destroy', '--stage', stage]);
  assert.equal(code, 0, stderr);
  for (const name of before) assert.ok(JSON.stringify(json.plan).includes(name), `the plan does not name ${name}`);
  assert.deepEqual(await stacksThere(), before);
});

test('they are deleted, and a second run finds nothing to do', async () => {
  const before = await stacksThere();
  const words = ['destroy', '--stage', stage, '--apply', '--reason', 'the tests are over'];
  const { code, json, stdout, stderr } = await operate(words);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(json.deleted.toSorted(), before.toSorted());
  assert.deepEqual(await stacksThere(), []);
  // With the backups that the tests before took.
  const { Buckets = [] } = await new S3Client({ forcePathStyle: true }).send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets.filter(({ Name }) => Name?.startsWith(`oauth2-${stage}-`)),
    [],
  );
  const again = await operate(words);
  assert.deepEqual([again.code, again.json.deleted], [0, []]);
});
