/** Small stand-ins for tests of the local runtime: bundles of a few lines, and a project whose app writes its cloud assembly by hand. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FunctionSpec } from '../../lib/local/sandbox.ts';

/** A folder that is gone when the test is over. */
export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-local-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** A function whose bundle is the given module. */
export function makeFunction(folder: string, name: string, source: string, change: Partial<FunctionSpec> = {}): FunctionSpec {
  const bundle = join(folder, name);
  writeFiles(bundle, { 'index.mjs': source });
  const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  return { name, arn, folder: bundle, handler: 'index.handler', memory_mb: 256, timeout_seconds: 20, environment: {}, ...change };
}

interface Declaration {
  route?: string;
  schedule?: string;
  environment?: Record<string, unknown>;
}

/** What the fixture's functions declare beside their source, in `declaration.json`. */
function readFunctions(root: string) {
  return readdirSync(join(root, 'functions')).map((name) => {
    const folder = join(root, 'functions', name);
    const source = readFileSync(join(folder, 'index.mjs'), 'utf8');
    if (source.includes('SYNTAX ERROR')) throw new Error(`functions/${name}/index.mjs: syntax error`);
    const file = join(folder, 'declaration.json');
    const declaration = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Declaration;
    return { name, id: name.replaceAll('-', ''), folder, declaration, hash: createHash('sha256').update(source).digest('hex') };
  });
}

/** Writes a cloud assembly of two stacks in the form that the CDK gives it. */
export function writeAssembly(root: string, out: string): void {
  const functions = readFunctions(root);
  const resources: Record<string, unknown> = {};
  for (const { name, id, folder, declaration, hash } of functions) {
    cpSync(folder, join(out, `asset.${hash}`), { recursive: true });
    resources[id] = {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: `oauth2-local-${name}`,
        Code: { S3Bucket: 'assets', S3Key: `${hash}.zip` },
        Handler: 'index.handler',
        MemorySize: 256,
        Timeout: 20,
        Environment: {
          Variables: {
            OAUTH2_STAGE: 'local',
            OAUTH2_ISSUER: process.env.OAUTH2_ISSUER ?? '',
            OAUTH2_SIGNING_SECRET: { 'Fn::ImportValue': 'oauth2-keys:Secret' },
            ...declaration.environment,
          },
        },
      },
    };
    resources[`${id}Version`] = { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: id } } };
    resources[`${id}Live`] = { Type: 'AWS::Lambda::Alias', Properties: { FunctionName: { Ref: id }, Name: 'live' } };
    if (declaration.route) {
      resources[`${id}Integration`] = {
        Type: 'AWS::ApiGatewayV2::Integration',
        Properties: { ApiId: { Ref: 'Api' }, IntegrationUri: { Ref: `${id}Live` }, PayloadFormatVersion: '2.0' },
      };
      resources[`${id}Route`] = {
        Type: 'AWS::ApiGatewayV2::Route',
        Properties: { RouteKey: declaration.route, Target: { 'Fn::Join': ['', ['integrations/', { Ref: `${id}Integration` }]] } },
      };
    }
    if (declaration.schedule)
      resources[`${id}Schedule`] = {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          Name: name,
          ScheduleExpression: declaration.schedule,
          Target: { Arn: { Ref: `${id}Live` }, Input: '{"input":{}}' },
        },
      };
    resources[`${id}Unused`] = { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: { 'Fn::GetAtt': [id, 'Unknown'] } } };
  }
  resources.Api = { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'api' } };
  const keys = {
    Resources: { Keys: { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'oauth2/keys' } } },
    Outputs: { Secret: { Value: { Ref: 'Keys' }, Export: { Name: 'oauth2-keys:Secret' } } },
  };
  const files = functions.map(({ hash }) => [hash, { source: { path: `asset.${hash}`, packaging: 'zip' } }]);
  const stack = (name: string) => ({ type: 'aws:cloudformation:stack', properties: { templateFile: `${name}.template.json` } });
  writeFiles(out, {
    'manifest.json': JSON.stringify({ artifacts: { 'oauth2-keys': stack('oauth2-keys'), 'oauth2-api': stack('oauth2-api') } }),
    'oauth2-keys.template.json': JSON.stringify(keys),
    'oauth2-api.template.json': JSON.stringify({ Resources: resources }),
    'oauth2-api.assets.json': JSON.stringify({ files: Object.fromEntries(files) }),
  });
}

/** The procedures that every start carries out, and one endpoint, as a project of its own. */
export function writeProject(root: string): void {
  const answer = (text: string) => `export const handler = async (event) => ({ statusCode: 200, body: ${text} });\n`;
  const nothing = 'export const handler = async (event) => ({ outcome: "succeeded", event });\n';
  writeFiles(root, {
    'bin/app.ts': `import { writeAssembly } from ${JSON.stringify(import.meta.url)};
process.on('uncaughtException', (error) => { process.stderr.write(error.message); process.exit(1); });
writeAssembly(process.cwd(), process.env.CDK_OUTDIR);\n`,
    'functions/hello/index.mjs': answer('"first " + process.env.OAUTH2_ISSUER'),
    'functions/hello/declaration.json': '{"route":"ANY /hello"}',
    'functions/migrate/index.mjs': nothing,
    'functions/create-signing-keys/index.mjs': nothing,
  });
}
