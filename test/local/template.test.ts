/** The template reader: from a cloud assembly to routes, functions, schedules and secrets, with every intrinsic resolved. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readAssembly, type Stack } from '../../lib/local/assembly.ts';
import { createResolver, type Places } from '../../lib/local/intrinsics.ts';
import { readTemplate } from '../../lib/local/template.ts';
import { makeFolder, writeAssembly, writeFiles, writeProject } from './fixture.ts';

const places: Places = { region: 'us-east-1', account: '000000000000', database: { host: '127.0.0.1', port: 54321 } };

function assemble(t: TestContext, files: Record<string, string> = {}): string {
  const root = makeFolder(t);
  writeProject(root);
  writeFiles(root, files);
  writeAssembly(root, join(root, 'cdk.out'));
  return join(root, 'cdk.out');
}

/** A stack of the given parts, and what a value in it resolves to. */
function resolveIn(parts: Partial<Stack>, value: unknown, others: Stack[] = []): unknown {
  const empty = { name: 'stack', resources: {}, outputs: {}, parameters: {}, conditions: {}, assets: new Map<string, string>() };
  const stack: Stack = { ...empty, ...parts };
  return createResolver([stack, ...others], places).resolve(value, { stack, resource: 'Fn', field: 'environment variable X' });
}

test('a route leads through its integration and alias to its function', (t) => {
  assert.deepEqual(readTemplate(assemble(t), places).routes, [{ method: 'ANY', path: '/hello', function: 'oauth2-local-hello' }]);
});

test('a function has its bundle, limits and resolved environment', (t) => {
  const out = assemble(t, {
    'functions/hello/declaration.json': JSON.stringify({
      route: 'ANY /hello',
      environment: { OAUTH2_DATABASE_HOST: 'db.example', OAUTH2_DATABASE_PORT: '5432' },
    }),
  });
  const hello = readTemplate(out, places).functions.find(({ name }) => name === 'oauth2-local-hello');
  assert.ok(hello?.folder.startsWith(`${out}/asset.`));
  assert.deepEqual(hello && { ...hello, folder: '' }, {
    name: 'oauth2-local-hello',
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:oauth2-local-hello',
    folder: '',
    handler: 'index.handler',
    memory_mb: 256,
    timeout_seconds: 20,
    environment: {
      OAUTH2_STAGE: 'local',
      OAUTH2_ISSUER: '',
      OAUTH2_SIGNING_SECRET: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:oauth2/keys-700ced',
      OAUTH2_DATABASE_HOST: '127.0.0.1',
      OAUTH2_DATABASE_PORT: '54321',
    },
  });
});

test('schedules and secrets are found', (t) => {
  const out = assemble(t, { 'functions/hello/declaration.json': '{"schedule":"rate(5 minutes)"}' });
  const { schedules, secrets } = readTemplate(out, places);
  assert.deepEqual(schedules, [
    { name: 'hello', expression: 'rate(5 minutes)', timezone: 'UTC', function: 'oauth2-local-hello', input: '{"input":{}}' },
  ]);
  assert.deepEqual(
    secrets.map(({ name, generate }) => [name, generate]),
    [['oauth2/keys', undefined]],
  );
});

test('an intrinsic that cannot be resolved names stack, resource and variable', (t) => {
  const declaration = { environment: { OAUTH2_X: { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] } } };
  const out = assemble(t, { 'functions/hello/declaration.json': JSON.stringify(declaration) });
  assert.throws(
    () => readTemplate(out, places),
    /stack oauth2-api, resource hello, environment variable OAUTH2_X: .*ApiEndpoint of Api/,
  );
});

test('a folder that is no cloud assembly is said to be none', (t) => {
  const folder = makeFolder(t);
  assert.throws(() => readAssembly(folder), /manifest\.json does not exist/);
});

test('a nested stage is read too', (t) => {
  const out = assemble(t);
  const outer = makeFolder(t);
  const artifacts = { stage: { type: 'cdk:cloud-assembly', properties: { directoryName: join('..', out.slice(5)) } } };
  writeFiles(outer, { 'manifest.json': JSON.stringify({ artifacts }) });
  assert.deepEqual(
    readAssembly(outer).map(({ name }) => name),
    ['oauth2-keys', 'oauth2-api'],
  );
});

test('join, split, select and sub combine what they name', () => {
  const resources = { Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'a-b' } } };
  const words = { 'Fn::Split': ['-', { 'Fn::Select': [6, { 'Fn::Split': [':', { Ref: 'Secret' }] }] }] };
  assert.equal(
    resolveIn({ resources }, { 'Fn::Join': ['-', [{ 'Fn::Select': [0, words] }, { 'Fn::Select': [1, words] }]] }),
    'a-b',
  );
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are CloudFormation's
  const sub = { 'Fn::Sub': ['${AWS::Region}/${Own}/${!Kept}/${Secret}', { Own: 1 }] };
  assert.match(String(resolveIn({ resources }, sub)), /^us-east-1\/1\/\$\{Kept\}\/arn:aws:secretsmanager:.*:a-b-[0-9a-f]{6}$/);
});

test('the database and its proxy are the embedded Postgres', () => {
  const resources = { Db: { Type: 'AWS::RDS::DBInstance' }, Proxy: { Type: 'AWS::RDS::DBProxy' } };
  const value = [
    { 'Fn::GetAtt': ['Db', 'Endpoint.Address'] },
    { 'Fn::GetAtt': ['Db', 'Endpoint.Port'] },
    { 'Fn::GetAtt': ['Proxy', 'Endpoint'] },
  ];
  assert.deepEqual(resolveIn({ resources }, value), ['127.0.0.1', '54321', '127.0.0.1']);
});

test('parameters have their defaults and conditions choose', () => {
  const parts = { parameters: { Size: { Default: 'big' } }, conditions: { IsBig: { 'Fn::Equals': [{ Ref: 'Size' }, 'big'] } } };
  assert.equal(resolveIn(parts, { 'Fn::If': ['IsBig', 'yes', 'no'] }), 'yes');
  assert.equal(resolveIn(parts, { 'Fn::If': [{ 'Fn::Not': [{ Condition: 'IsBig' }] }, 'yes', 'no'] }), 'no');
});

test('an import that nobody exports is an error', () => {
  assert.throws(() => resolveIn({}, { 'Fn::ImportValue': 'nowhere' }), /stack stack, resource Fn, .*no stack exports nowhere/);
});
