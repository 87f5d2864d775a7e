/** The templates serve every row of the tables, each by its own function. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { functionName, type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { pathsOf, routeNames, routes } from '../../lib/routes.ts';
import { type Properties, type Resource, synthesise, type Templates } from './templates.ts';

for (const stage of ['production', 'local', 'complete']) {
  describe(`the routes of ${stage}`, () => {
    let templates: Templates;
    before(async () => {
      templates = await synthesise(stage);
    });

    /** The function that a route of the API leads to, by way of its integration and alias. */
    function reached(route: Resource): string {
      const parts = (route.properties.Target as { 'Fn::Join': [string, [string, Properties]] })['Fn::Join'][1];
      const integration = templates.target('api', parts[1]) as Resource;
      assert.equal(integration.properties.IntegrationType, 'AWS_PROXY');
      assert.equal(integration.properties.PayloadFormatVersion, '2.0');
      const alias = templates.target('api', integration.properties.IntegrationUri) as Resource;
      assert.equal(alias.type, 'AWS::Lambda::Alias');
      assert.equal(alias.properties.Name, 'live');
      const version = templates.target('api', alias.properties.FunctionVersion) as Resource;
      const fn = templates.target('api', version.properties.FunctionName) as Resource;
      assert.equal(templates.target('api', alias.properties.FunctionName), fn);
      return String(fn.properties.FunctionName);
    }

    it('reach, each of them, the function of their row through its live alias', () => {
      const served = templates.some('AWS::ApiGatewayV2::Route').map((route) => [route.properties.RouteKey, reached(route)]);
      const issuerPath = stage === 'complete' ? '/tenant' : '';
      const wanted = routeNames.flatMap((name) =>
        pathsOf(routes[name], issuerPath).map((path) => [`ANY ${path}`, functionName(stage, name)]),
      );
      assert.deepEqual(served.toSorted(), wanted.toSorted());
    });

    it('are all on the one API, which has one stage that deploys by itself', () => {
      const api = templates.one('network', 'AWS::ApiGatewayV2::Api');
      for (const { part, properties } of templates.some('AWS::ApiGatewayV2::Route', 'AWS::ApiGatewayV2::Stage')) {
        assert.equal(templates.target(part, properties.ApiId), api);
      }
      assert.equal(templates.one('api', 'AWS::ApiGatewayV2::Stage').properties.AutoDeploy, true);
    });

    it('may be invoked by this API alone, each only for its own paths', () => {
      // Those that are not of the API: Secrets Manager calls the rotation of its secret, log subscriptions what adds metrics up.
      const others = ['secretsmanager.amazonaws.com', 'logs.amazonaws.com'];
      const permissions = templates
        .some('AWS::Lambda::Permission')
        .filter(({ properties }) => !others.includes(String(properties.Principal)));
      assert.equal(permissions.length, templates.some('AWS::ApiGatewayV2::Route').length);
      for (const { part, properties } of permissions) {
        assert.equal(properties.Principal, 'apigateway.amazonaws.com');
        assert.equal(templates.target(part, properties.FunctionName)?.type, 'AWS::Lambda::Alias');
        assert.match(templates.text(part, properties.SourceArn), /:network\/api\/\*\/\*\/[^*]*(\/\*)?$/);
      }
    });

    it('and the procedures are all the functions that there are', () => {
      const named = templates.some('AWS::Lambda::Function').flatMap(({ properties }) => properties.FunctionName ?? []);
      const wanted = [...routeNames, ...procedureNames].map((name) => functionName(stage, name));
      assert.deepEqual(named.toSorted(), wanted.toSorted());
    });
  });
}

const root = join(import.meta.dirname, '../..');

describe('a function of production', async () => {
  const templates = await synthesise('production');
  const functions = templates.some('AWS::Lambda::Function');

  it('runs on arm64 and Node 24, writes to a log group with retention, and is traced', () => {
    for (const { part, id, properties } of functions) {
      assert.deepEqual(properties.Architectures, ['arm64'], id);
      // What needs more than Node brings it along, on Lambda's own image for Node 24.
      if (properties.PackageType !== 'Image') assert.equal(properties.Runtime, 'nodejs24.x', id);
      const logs = templates.target(part, (properties.LoggingConfig as Properties).LogGroup as Properties);
      assert.ok(logs?.properties.RetentionInDays, id);
      const quiet = procedureNames.some(
        (name) => (procedures[name] as Procedure).quiet && properties.FunctionName === functionName('production', name),
      );
      if (properties.FunctionName && !quiet) assert.deepEqual(properties.TracingConfig, { Mode: 'Active' }, id);
    }
  });

  it('is a container image where its row needs programs, and nowhere else', () => {
    const images = functions.filter(({ properties }) => properties.PackageType === 'Image');
    const names = images.map(({ properties }) => String(properties.FunctionName).replace('oauth2-production-', ''));
    const wanted = procedureNames.filter((name) => (procedures[name] as Procedure).needs.includes('postgres-programs'));
    assert.ok(wanted.length > 0);
    assert.deepEqual(names.toSorted(), wanted.toSorted());
    assert.match(readFileSync(join(root, 'lib/infra/postgres-programs/Dockerfile'), 'utf8'), /^FROM \S+\/lambda\/nodejs:24$/m);
  });

  it('is told who it is, and of the database and the keys only what its row needs', () => {
    for (const { properties } of functions) {
      if (!properties.FunctionName) continue;
      const { Variables } = properties.Environment as { Variables: Properties };
      const name = String(properties.FunctionName).replace('oauth2-production-', '') as keyof typeof routes;
      if (!(name in routes)) continue;
      const needs: readonly string[] = routes[name].needs;
      for (const always of ['OAUTH2_STAGE', 'OAUTH2_RELEASE', 'OAUTH2_ISSUER', 'POWERTOOLS_SERVICE_NAME'])
        assert.ok(Variables[always]);
      assert.equal(Variables.OAUTH2_DATABASE_USER, needs.includes('database') ? 'oauth2_api' : undefined, name);
      assert.equal(Variables.OAUTH2_SIGNING_SECRET !== undefined, needs.includes('signing'), name);
      assert.equal(properties.VpcConfig !== undefined, needs.includes('database'), name);
    }
  });

  it('is throttled where its stage says so, under the route that it serves', () => {
    const { RouteSettings } = templates.one('api', 'AWS::ApiGatewayV2::Stage').properties as { RouteSettings: Properties };
    const keys = templates.some('AWS::ApiGatewayV2::Route').map(({ properties }) => properties.RouteKey);
    assert.deepEqual(RouteSettings['ANY /login'], {
      ThrottlingRateLimit: 50,
      ThrottlingBurstLimit: 100,
      DetailedMetricsEnabled: true,
    });
    for (const key of Object.keys(RouteSettings)) assert.ok(keys.includes(key), key);
  });
});
