/** CloudFront in front of a stage: how it proves itself to the functions, what its firewall lets through, and which zones the network has. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originHeader } from '../../lib/origin-secret.ts';
import { functionName } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { type Json, type Properties, synthesise, type Templates } from './templates.ts';

const sent = (templates: Templates): Json => {
  const { DistributionConfig } = templates.one('edge', 'AWS::CloudFront::Distribution').properties;
  const { Origins } = DistributionConfig as { Origins: readonly Properties[] };
  assert.equal(Origins.length, 1);
  return Origins[0]?.OriginCustomHeaders as Json;
};

/** Of every function of the stage that has one. */
function accepted(templates: Templates): Map<string, Json> {
  return new Map(
    templates.some('AWS::Lambda::Function').flatMap(({ properties: { FunctionName, Environment } }) => {
      const value = (Environment as { Variables?: Properties } | undefined)?.Variables?.OAUTH2_ORIGIN_SECRETS;
      return value === undefined ? [] : [[String(FunctionName), value] as const];
    }),
  );
}

const reference = (name: string) => `{{resolve:secretsmanager:${name}:SecretString:::}}`;

describe('the edge of a stage', async () => {
  const templates = await synthesise('complete');

  it('sends with every request the secret that every endpoint, and no procedure, accepts', () => {
    const value = reference('oauth2-complete-origin-1');
    assert.deepEqual(sent(templates), [{ HeaderName: originHeader, HeaderValue: value }]);
    assert.deepEqual(accepted(templates), new Map(routeNames.map((name) => [functionName('complete', name), value])));
  });

  it('has a secret that Secrets Manager makes, with a copy in the region of CloudFront', () => {
    const secrets = templates.some('AWS::SecretsManager::Secret').filter(({ part }) => part === 'network');
    assert.deepEqual(
      secrets.map(({ properties: { Name, GenerateSecretString, ReplicaRegions, SecretString } }) => [
        Name,
        GenerateSecretString,
        ReplicaRegions,
        SecretString,
      ]),
      [['oauth2-complete-origin-1', { ExcludePunctuation: true, PasswordLength: 64 }, [{ Region: 'us-east-1' }], undefined]],
    );
  });

  it('does not stand before the watch of the readiness check, whose requests are of no API', () => {
    const watches = templates.some('AWS::Scheduler::Schedule').filter(({ properties }) => properties.Name === 'ready');
    const inputs = watches.map(({ properties: { Target } }) => JSON.parse(String((Target as Properties).Input)));
    assert.deepEqual(
      inputs.map(({ requestContext }) => 'apiId' in requestContext),
      [false],
    );
  });

  it('lets through what legal requests have: no User-Agent, URLs of loopback addresses, long parameters, any text as a password', () => {
    const { Rules } = templates.one('edge', 'AWS::WAFv2::WebACL').properties as { Rules: readonly Properties[] };
    const statement = Rules.find(({ Name }) => Name === 'AWSManagedRulesCommonRuleSet')?.Statement as Properties;
    const { RuleActionOverrides } = statement.ManagedRuleGroupStatement as { RuleActionOverrides: readonly Properties[] };
    for (const { ActionToUse } of RuleActionOverrides) assert.deepEqual(ActionToUse, { Count: {} });
    const names = RuleActionOverrides.map(({ Name }) => Name);
    for (const name of [
      'NoUserAgent_HEADER',
      'SizeRestrictions_QUERYSTRING',
      'SizeRestrictions_BODY',
      'EC2MetaDataSSRF_QUERYARGUMENTS',
      'EC2MetaDataSSRF_BODY',
      'GenericRFI_QUERYARGUMENTS',
      'GenericRFI_BODY',
      'CrossSiteScripting_BODY',
    ])
      assert.ok(names.includes(name), name);
    // What no legal request has, is turned away there.
    for (const name of names) assert.doesNotMatch(String(name), /_(COOKIE|URIPATH)$/);
  });

  it('has the question for addresses saved where they are known', () => {
    const asked = templates
      .some('AWS::Logs::QueryDefinition')
      .filter(({ properties: { Name } }) => Name === 'oauth2-complete/requests-by-address');
    assert.deepEqual(
      asked.map(({ properties: { LogGroupNames } }) =>
        (LogGroupNames as readonly string[]).includes('/aws/lambda/oauth2-complete-token'),
      ),
      [true],
    );
  });
});

describe('a stage that has had the secret of its edge replaced', async () => {
  const templates = await synthesise('moved');

  it('sends the new one and accepts that of before, so that the one deploy shuts nobody out', () => {
    assert.deepEqual(sent(templates), [{ HeaderName: originHeader, HeaderValue: reference('oauth2-moved-origin-3') }]);
    assert.equal(
      accepted(templates).get('oauth2-moved-token'),
      [3, 2].map((number) => reference(`oauth2-moved-origin-${number}`)).join(' '),
    );
    const names = templates.some('AWS::SecretsManager::Secret').flatMap(({ properties: { Name } }) => Name ?? []);
    assert.deepEqual(names, ['oauth2-moved-origin-3', 'oauth2-moved-origin-2']);
  });

  it('needs no copy of it in the region of CloudFront, where it is', () => {
    for (const { properties } of templates.some('AWS::SecretsManager::Secret'))
      assert.equal(properties.ReplicaRegions, undefined);
  });

  it('stays below the 60 references to secrets that a template may have', () => {
    const count = JSON.stringify(templates.all.filter(({ part }) => part === 'api')).split('{{resolve:').length - 1;
    assert.ok(count > 0 && count <= 60, String(count));
  });

  it('is in the zones that it names', () => {
    const zones = templates.some('AWS::EC2::Subnet').map(({ properties }) => properties.AvailabilityZone);
    assert.deepEqual(zones, ['us-east-1b', 'us-east-1c', 'us-east-1f']);
  });
});

describe('a stage without an edge', async () => {
  const templates = await synthesise('production');

  it('has neither the secret nor anything that would be accepted', () => {
    assert.deepEqual([...accepted(templates)], []);
    assert.doesNotMatch(JSON.stringify(templates.all), /\{\{resolve:secretsmanager:oauth2-/);
  });

  it('is in the first zones of its region', () => {
    const zones = templates.some('AWS::EC2::Subnet').map(({ properties }) => properties.AvailabilityZone);
    assert.deepEqual(
      zones,
      [0, 1, 2].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })),
    );
  });
});
