/** The Secrets Manager API of this machine, asked by the real SDK. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { createRotation } from '../../lib/local/rotation.ts';
import { secretArn } from '../../lib/local/secret-arn.ts';
import { generateSecret, openSecrets } from '../../lib/local/secrets.ts';
import { makeFolder, writeFiles } from './fixture.ts';

const place = { region: 'us-east-1', account: '000000000000' };
const declared = { name: 'oauth2/keys', arn: secretArn(place, 'oauth2/keys') };

async function open(t: TestContext, file: string) {
  const secrets = await openSecrets({ file, ...place });
  t.after(() => secrets.close());
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new SecretsManagerClient({ endpoint: secrets.url, region: place.region, credentials, maxAttempts: 1 });
  t.after(() => client.destroy());
  return { secrets, client };
}

const fileIn = (t: TestContext) => join(makeFolder(t), 'secrets.json');

test('a declared secret exists without a value until one is put', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([declared]);
  const { Name, ARN } = await client.send(new DescribeSecretCommand({ SecretId: declared.arn }));
  assert.deepEqual([Name, ARN], [declared.name, declared.arn]);
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: declared.arn })), { name: 'ResourceNotFoundException' });
  await client.send(new PutSecretValueCommand({ SecretId: declared.name, SecretString: 'value' }));
  const { SecretString, VersionStages } = await client.send(new GetSecretValueCommand({ SecretId: declared.arn }));
  assert.deepEqual([SecretString, VersionStages], ['value', ['AWSCURRENT']]);
});

test('values are kept between starts in a file that only its owner may read', async (t) => {
  const file = fileIn(t);
  const first = await open(t, file);
  first.secrets.declare([declared]);
  await first.client.send(new PutSecretValueCommand({ SecretId: declared.arn, SecretString: 'kept' }));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const second = await open(t, file);
  second.secrets.declare([{ ...declared, value: 'other' }]);
  assert.equal((await second.client.send(new GetSecretValueCommand({ SecretId: declared.arn }))).SecretString, 'kept');
  assert.ok(readFileSync(file, 'utf8').includes('kept'));
});

test('a declared secret with a generated value has one at once', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([{ ...declared, generate: { PasswordLength: 40, ExcludePunctuation: true } }]);
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: declared.arn }));
  assert.match(SecretString ?? '', /^[A-Za-z0-9]{40}$/);
});

test('a generated value follows its template', () => {
  const text = generateSecret({
    SecretStringTemplate: '{"username":"u"}',
    GenerateStringKey: 'password',
    ExcludeCharacters: '"\\',
  });
  const { username, password } = JSON.parse(text);
  assert.deepEqual([username, password.length], ['u', 32]);
});

test('a rotation moves the stages as Secrets Manager does', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([declared]);
  const SecretId = declared.arn;
  const one = await client.send(new PutSecretValueCommand({ SecretId, SecretString: 'one' }));
  const two = await client.send(new PutSecretValueCommand({ SecretId, SecretString: 'two', VersionStages: ['AWSPENDING'] }));
  const read = async (VersionStage: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId, VersionStage }))).SecretString;
  assert.deepEqual([await read('AWSCURRENT'), await read('AWSPENDING')], ['one', 'two']);
  const move = { SecretId, VersionStage: 'AWSCURRENT', RemoveFromVersionId: one.VersionId, MoveToVersionId: two.VersionId };
  await client.send(new UpdateSecretVersionStageCommand(move));
  assert.deepEqual([await read('AWSCURRENT'), await read('AWSPREVIOUS')], ['two', 'one']);
  const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId }));
  assert.deepEqual(VersionIdsToStages, {
    [one.VersionId as string]: ['AWSPREVIOUS'],
    [two.VersionId as string]: ['AWSPENDING', 'AWSCURRENT'],
  });
  await assert.rejects(client.send(new UpdateSecretVersionStageCommand(move)), { name: 'InvalidParameterException' });
  const byId = await client.send(new GetSecretValueCommand({ SecretId, VersionId: one.VersionId }));
  assert.equal(byId.SecretString, 'one');
});

test('the same token with the same value changes nothing, with another value it is refused', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([declared]);
  const put = { SecretId: declared.arn, ClientRequestToken: 'a'.repeat(32), SecretString: 'same' };
  const first = await client.send(new PutSecretValueCommand(put));
  assert.equal((await client.send(new PutSecretValueCommand(put))).VersionId, first.VersionId);
  await assert.rejects(client.send(new PutSecretValueCommand({ ...put, SecretString: 'other' })), {
    name: 'ResourceExistsException',
  });
});

test('secrets are created once and listed', async (t) => {
  const { client } = await open(t, fileIn(t));
  const { ARN } = await client.send(new CreateSecretCommand({ Name: 'made', SecretString: 'x', Description: 'here' }));
  await assert.rejects(client.send(new CreateSecretCommand({ Name: 'made' })), { name: 'ResourceExistsException' });
  const { SecretList } = await client.send(new ListSecretsCommand({}));
  assert.deepEqual(
    SecretList?.map((one) => [one.ARN, one.Name, one.Description]),
    [[ARN, 'made', 'here']],
  );
});

test('binary values come back as they were', async (t) => {
  const { client } = await open(t, fileIn(t));
  await client.send(new CreateSecretCommand({ Name: 'bytes', SecretBinary: new Uint8Array([0, 255, 7]) }));
  const { SecretBinary } = await client.send(new GetSecretValueCommand({ SecretId: 'bytes' }));
  assert.deepEqual(new Uint8Array(SecretBinary ?? []), new Uint8Array([0, 255, 7]));
});

test('what does not exist, or is no request, has the name that AWS gives it', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([declared]);
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: 'none' })), { name: 'ResourceNotFoundException' });
  await assert.rejects(client.send(new PutSecretValueCommand({ SecretId: declared.arn })), { name: 'InvalidRequestException' });
});

test('a call that a web page could make is refused', async (t) => {
  const { secrets } = await open(t, fileIn(t));
  const response = await fetch(secrets.url, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } });
  assert.equal(response.status, 403);
});

test('a file that is no JSON stops the start with what to do', async (t) => {
  const file = fileIn(t);
  writeFiles(join(file, '..'), { 'secrets.json': '{' });
  await assert.rejects(openSecrets({ file, ...place }), /secrets\.json is not readable JSON: .*backup/);
});

test('a rotation is the four calls of the function that the template names, for one new version, one after the other', async (t) => {
  const { secrets, client } = await open(t, fileIn(t));
  secrets.declare([declared]);
  const SecretId = declared.arn;
  await assert.rejects(client.send(new RotateSecretCommand({ SecretId })), { name: 'InvalidRequestException' });
  const { VersionId: current } = await client.send(new PutSecretValueCommand({ SecretId, SecretString: 'one' }));
  const calls: string[] = [];
  const said: string[] = [];
  let over = () => {};
  let done = new Promise<void>((resolve) => (over = resolve));
  let refused = '';
  const invoke = async (name: string, payload: string) => {
    const { Step, SecretId: named, ClientRequestToken } = JSON.parse(payload);
    assert.deepEqual([name, named], ['rotate', declared.arn]);
    calls.push(`${Step} ${ClientRequestToken}`);
    if (Step === 'createSecret') {
      const pending = { SecretId, ClientRequestToken, SecretString: 'two', VersionStages: ['AWSPENDING'] };
      await client.send(new PutSecretValueCommand(pending));
    }
    if (Step === 'finishSecret') over();
    return { verdict: Step === refused ? 'failed' : 'answered', payload: 'no', tail: () => '' } as const;
  };
  const schedule = {
    name: 'rotation',
    expression: 'rate(30 days)',
    timezone: 'UTC',
    function: 'rotate',
    input: '{}',
    secret: SecretId,
  };
  const say = (line: string) => {
    said.push(line);
    over();
  };
  secrets.rotateBy(createRotation({ invoke }, [schedule], say));
  refused = 'setSecret';
  const { VersionId: id } = await client.send(new RotateSecretCommand({ SecretId }));
  await done;
  assert.deepEqual(calls.splice(0), [`createSecret ${id}`, `setSecret ${id}`]);
  assert.match(said[0] ?? '', /failed at setSecret: no$/);
  refused = '';
  done = new Promise((resolve) => (over = resolve));
  // As AWS does: what was begun is taken up again, and whoever asked is told so.
  await assert.rejects(client.send(new RotateSecretCommand({ SecretId })), /previous rotation isn't complete/);
  await done;
  assert.deepEqual(
    calls.splice(0),
    ['createSecret', 'setSecret', 'testSecret', 'finishSecret'].map((step) => `${step} ${id}`),
  );
  assert.notEqual(id, current);
  await assert.rejects(client.send(new RotateSecretCommand({ SecretId, RotateImmediately: false })), {
    name: 'InvalidParameterException',
  });
});
