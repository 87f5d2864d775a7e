/** The bus of events: who may put events to it, how they get there, and what becomes of them; and a stage that wants none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Json, type Properties, type Resource, synthesise } from './templates.ts';

describe('the bus of events of production', async () => {
  const templates = await synthesise('production');
  const bus = templates.one('events', 'AWS::Events::EventBus');
  const relay = templates.all.find(({ properties }) => properties.FunctionName === 'oauth2-production-relay-events') as Resource;

  it('is encrypted with a key of its own; what cannot be encrypted is kept in a queue, and that is watched', () => {
    const key = templates.target('events', bus.properties.KmsKeyIdentifier);
    assert.equal(key?.type, 'AWS::KMS::Key');
    const queue = templates.target('events', (bus.properties.DeadLetterConfig as Properties).Arn) as Resource;
    assert.equal(queue.type, 'AWS::SQS::Queue');
    const alarm = templates
      .some('AWS::CloudWatch::Alarm')
      .find(({ properties }) => properties.AlarmName === 'oauth2-production-EventsDropped') as Resource;
    const [dimension] = alarm.properties.Dimensions as readonly Properties[];
    assert.equal(templates.target(alarm.part, dimension?.Value), queue);
  });

  it('has an archive under the same key, as long as delivered events stay in the database', () => {
    const { properties } = templates.one('events', 'AWS::Events::Archive');
    assert.equal(templates.target('events', properties.SourceArn), bus);
    assert.equal(templates.target('events', properties.KmsKeyIdentifier)?.type, 'AWS::KMS::Key');
    assert.equal(properties.RetentionDays, 30);
  });

  it('takes events of the relay alone, whatever else anybody may do in this account', () => {
    const [policy, ...others] = templates.some('AWS::Events::EventBusPolicy') as [Resource];
    assert.deepEqual(others, []);
    const { Effect, Principal, Action, Condition } = policy.properties.Statement as Properties;
    assert.deepEqual([Effect, Principal, Action], ['Deny', '*', 'events:PutEvents']);
    const { 'aws:PrincipalArn': allowed } = (Condition as { ArnNotEquals: Properties }).ArnNotEquals;
    assert.equal(templates.target(policy.part, allowed), templates.target(relay.part, relay.properties.Role));
  });

  it('is reached from inside of the network, by its own endpoint, which lets events of this stage through to this account', () => {
    const endpoint = templates
      .some('AWS::EC2::VPCEndpoint')
      .find(({ properties }) => JSON.stringify(properties.ServiceName).includes('.events')) as Resource;
    const { Statement } = endpoint.properties.PolicyDocument as { Statement: readonly Properties[] };
    assert.equal(Statement.length, 1);
    assert.equal(Statement[0]?.Action, 'events:PutEvents');
    assert.match(templates.text('network', Statement[0]?.Resource), /:event-bus\/oauth2-production$/);
    const { SecurityGroupIds } = relay.properties.VpcConfig as { SecurityGroupIds: readonly Json[] };
    const groups = SecurityGroupIds.map((one) => templates.text(relay.part, one));
    assert.deepEqual(groups, ['network/proxyclients', 'network/storageclients', 'network/busclients']);
  });

  it('is named to the relay and to no other function', () => {
    const told = templates
      .some('AWS::Lambda::Function')
      .filter(
        ({ properties }) => 'OAUTH2_EVENTS_BUS' in ((properties.Environment as { Variables?: Properties })?.Variables ?? {}),
      );
    assert.deepEqual(told, [relay]);
  });
});

describe('a stage with OAUTH2_EVENTS=off', async () => {
  const templates = await synthesise('quiet');

  it('has no bus, no endpoint to it and no alarm about it; what empties its outbox goes on', () => {
    assert.deepEqual(templates.of('AWS::Events::EventBus', 'AWS::Events::Archive', 'AWS::Events::EventBusPolicy'), []);
    const text = JSON.stringify(templates.some('AWS::EC2::VPCEndpoint').map(({ properties }) => properties.ServiceName));
    assert.equal(text.includes('.events'), false);
    const names = templates.some('AWS::CloudWatch::Alarm').map(({ properties }) => properties.AlarmName);
    assert.equal(names.includes('oauth2-quiet-EventsDropped'), false);
    assert.ok(names.includes('oauth2-quiet-EventsBacklog'));
    assert.ok(templates.some('AWS::Scheduler::Schedule').some(({ properties }) => properties.Name === 'relay-events'));
  });
});
