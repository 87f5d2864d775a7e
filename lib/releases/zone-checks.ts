/** Looks whether the zones that a stage would take are there, and serve what it puts into them. */
import type { AvailabilityZone } from '@aws-sdk/client-ec2';
import type { CheckedStage } from '../infra/read-stage.ts';
import { type Finding, find } from './check-server.ts';

/**
 * Zones, by the ids that are the same in every account, in which RDS Proxy has no address. AWS publishes no list: a proxy there is made without
 * that zone, and not at all where fewer than two are left.
 */
const withoutProxy = ['use1-az3'];

/** What a stage would take of a region's zones: those that it names, or the first ones. */
export function judgeZones(network: NonNullable<CheckedStage['network']>, found: readonly AvailabilityZone[]): string {
  const there = found
    .filter(({ State, ZoneType }) => State === 'available' && ZoneType === 'availability-zone')
    .map(({ ZoneName = '', ZoneId = '' }) => ({ name: ZoneName, id: ZoneId }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const serving = there.filter(({ id }) => !withoutProxy.includes(id)).map(({ name }) => name);
  const wanted = network.zone_names ?? there.slice(0, network.zones).map(({ name }) => name);
  const missing = wanted.filter((name) => !there.some((zone) => zone.name === name));
  const advice =
    serving.length < network.zones
      ? `only ${serving.join(', ')} would do: the stage needs another region${network.zones === 3 ? ', or two zones' : ''}`
      : `name ${network.zones} of ${serving.join(', ')} in network.zone_names`;
  if (wanted.length < network.zones)
    throw new Error(`the stage wants ${network.zones} zones, and there are ${wanted.join(', ')}: ${advice}`);
  if (missing.length > 0) throw new Error(`there is no zone ${missing.join(', ')}: ${advice}`);
  const unserved = wanted.filter((name) => !serving.includes(name));
  if (unserved.length > 0) throw new Error(`RDS Proxy does not serve ${unserved.join(', ')}: ${advice}`);
  return `${wanted.join(', ')}, which RDS Proxy serves`;
}

export async function checkZones({ network }: CheckedStage): Promise<Finding> {
  if (network === undefined) return { name: 'zones', verdict: 'skipped', detail: 'the stage has no network' };
  return find('zones', async () => {
    const { DescribeAvailabilityZonesCommand, EC2Client } = await import('@aws-sdk/client-ec2');
    const client = new EC2Client({ maxAttempts: 3, requestHandler: { requestTimeout: 15_000, connectionTimeout: 5000 } });
    try {
      const { AvailabilityZones = [] } = await client.send(new DescribeAvailabilityZonesCommand({}));
      return judgeZones(network, AvailabilityZones);
    } finally {
      client.destroy();
    }
  });
}
