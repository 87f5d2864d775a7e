/** The computation behind docs/costs.md: every resource is counted, none in silence, and the sums are right. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeIdle, dollarsOf, freeTypes, instanceClassOf, runsPerMonth, sum, usedTypes } from '../../docs/costs/idle.ts';
import { prices } from '../../docs/costs/prices.ts';
import { aggregation, assumed, billedMs, computeUse, millionAMonth, perMillion } from '../../docs/costs/use.ts';
import { type Measured, readMeasured } from '../../docs/figures/measured.ts';
import { synthesise, Templates } from '../infra/templates.ts';

type Raw = Record<string, { Type: string; Properties?: Record<string, never> }>;

/** Templates of one part with these resources. */
function templatesOf(resources: Record<string, { Type: string; Properties?: object }>): Templates {
  return new Templates(new Map([['data', { Resources: resources as Raw }]]));
}

const instance = { AllocatedStorage: '100', MultiAZ: true, DBInstanceClass: 'db.m7g.large', ManageMasterUserPassword: true };

test('a resource of a type without a price is an error that names it', () => {
  const templates = templatesOf({ gateway: { Type: 'AWS::EC2::NatGateway' } });
  assert.throws(() => computeIdle(templates), /AWS::EC2::NatGateway \(data\/gateway\) has no price/);
});

test('an instance class without a price is an error that names it', () => {
  const templates = templatesOf({
    database: { Type: 'AWS::RDS::DBInstance', Properties: { ...instance, DBInstanceClass: 'db.x9.huge' } },
  });
  assert.throws(() => computeIdle(templates), /database is a db\.x9\.huge/);
});

test('every type of every deployed stage has a price, costs by use, or is free', async () => {
  for (const name of ['emulator', 'dev', 'staging', 'production', 'complete'])
    assert.ok(computeIdle(await synthesise(name)).length > 0);
});

test('no type is in two lists', () => {
  const listed: readonly string[] = [...freeTypes, ...usedTypes];
  assert.equal(new Set(listed).size, listed.length);
});

test('a database in two zones is paid twice, storage too, and RDS keeps its password in a secret', () => {
  const charges = computeIdle(templatesOf({ database: { Type: 'AWS::RDS::DBInstance', Properties: instance } }));
  assert.deepEqual(charges, [
    { item: 'Database instance', price: 'db_m7g_large', quantity: 1460 },
    { item: 'Database storage', price: 'db_storage', quantity: 200 },
    { item: 'Secrets', price: 'secret', quantity: 1 },
  ]);
  const expected = 1460 * prices.db_m7g_large.dollars + 200 * prices.db_storage.dollars + prices.secret.dollars;
  assert.ok(Math.abs(sum(charges) - expected) < 1e-9);
});

test('the proxy is paid by the processors of its instance, the endpoint by the zone, an alarm by what it watches', () => {
  const endpoint = { VpcEndpointType: 'Interface', SubnetIds: [{ Ref: 'a' }, { Ref: 'b' }, { Ref: 'c' }] };
  const metric = { Id: 'm', MetricStat: {} };
  const charges = computeIdle(
    templatesOf({
      database: { Type: 'AWS::RDS::DBInstance', Properties: instance },
      proxy: { Type: 'AWS::RDS::DBProxy' },
      endpoint: { Type: 'AWS::EC2::VPCEndpoint', Properties: endpoint },
      gateway: { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcEndpointType: 'Gateway' } },
      plain: { Type: 'AWS::CloudWatch::Alarm' },
      ratio: { Type: 'AWS::CloudWatch::Alarm', Properties: { Metrics: [{ Expression: 'a / b' }, metric, metric] } },
    }),
  );
  const quantity = (item: string) => charges.find((charge) => charge.item === item)?.quantity;
  assert.deepEqual([quantity('Database proxy'), quantity('Interface endpoint'), quantity('Alarms')], [2 * 730, 3 * 730, 3]);
});

test('a schedule is counted by its rate, and one that is no rate is an error', () => {
  assert.equal(runsPerMonth('rate(1 hour)'), 730);
  assert.equal(runsPerMonth('rate(5 minutes)'), 8760);
  assert.equal(runsPerMonth('rate(1 day)').toFixed(2), '30.42');
  assert.equal(runsPerMonth('cron(0 2 * * ? *)').toFixed(2), '30.42');
  assert.equal(runsPerMonth('cron(0 3 1 * ? *)'), 1);
  assert.throws(() => runsPerMonth('cron(0 3 ? * MON *)'), /is no rate/);
});

test('production costs more than staging, staging more than dev, and an edge comes on top', async () => {
  const [dev, staging, production, complete] = await Promise.all(
    ['dev', 'staging', 'production', 'complete'].map(async (name) => sum(computeIdle(await synthesise(name)))),
  );
  assert.ok(Number(dev) < Number(staging) && Number(staging) < Number(production) && Number(production) < Number(complete));
});

test('time is billed in whole milliseconds, the longer the smaller the function', () => {
  const figures = { cpu_ms: 2, statements: 2 };
  const measured = { requests: { refresh: figures } } as unknown as Measured;
  assert.equal(billedMs(measured, 'refresh', assumed.mib_per_vcpu), 2 + 2 * assumed.flight_ms);
  assert.equal(billedMs(measured, 'refresh', assumed.mib_per_vcpu / 2), 4 + 2 * assumed.flight_ms);
  assert.equal(billedMs(measured, 'refresh', 10 * assumed.mib_per_vcpu), 2 + 2 * assumed.flight_ms);
});

test('of few requests every one is traced, of many one in twenty', async () => {
  const templates = await synthesise('production');
  const traces = (perSecond: number) =>
    computeUse(templates, readMeasured(), 'client_credentials', perSecond).find(({ price }) => price === 'trace')?.quantity ?? 0;
  assert.equal(Math.round(traces(millionAMonth)), 1_000_000);
  assert.ok(Math.abs(traces(100_000) - 50_000) < 100);
});

test('metrics are added up the less often the more is asked, and never more than once for each request', () => {
  const few = aggregation(0.01, 1, 512);
  assert.equal(few.invocations, 1e6);
  assert.equal(
    few.billed_ms,
    Math.ceil((assumed.aggregate_batch_ms + assumed.aggregate_line_ms) / (512 / assumed.mib_per_vcpu) + 10),
  );
  assert.equal(aggregation(100, 1, 512).invocations, 2000);
  assert.equal(aggregation(100, 10, 512).invocations, 20_000);
});

test('an introspection writes no row and reads no key, and an edge has its price for each request', async () => {
  const [plain, edge] = [await synthesise('production'), await synthesise('complete')];
  const charges = computeUse(plain, readMeasured(), 'introspection', 100);
  const free = charges.filter((charge) => dollarsOf(charge) === 0).map(({ item }) => item);
  assert.deepEqual([...new Set(free)], ['Keys fetched', 'Rows, where storage has to grow for them']);
  assert.ok(perMillion(edge, readMeasured(), 'introspection', 100) - sum(charges) > 1.5);
});

test('the classes of all stages are known', async () => {
  for (const name of ['dev', 'staging', 'production'])
    assert.ok(instanceClassOf((await synthesise(name)).one('data', 'AWS::RDS::DBInstance')).vcpu >= 2);
});
