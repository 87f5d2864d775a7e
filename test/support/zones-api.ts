/** The zones of a region, as EC2 tells them: a part of the small account for tests. */

export interface TestZone {
  readonly name: string;
  readonly id: string;
  readonly type?: string;
  readonly state?: string;
}

export const describeZones = (zones: readonly TestZone[]): string =>
  `<DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><availabilityZoneInfo>${zones
    .map(
      ({ name, id, type = 'availability-zone', state = 'available' }) =>
        `<item><zoneName>${name}</zoneName><zoneId>${id}</zoneId><zoneType>${type}</zoneType><zoneState>${state}</zoneState></item>`,
    )
    .join('')}</availabilityZoneInfo></DescribeAvailabilityZonesResponse>`;
