/** Decides whether an IP address is one of the public internet (IANA special-purpose address registries, RFC 6890). */
import { BlockList, isIP } from 'node:net';

const list = (type: 'ipv4' | 'ipv6', subnets: readonly (readonly [network: string, prefix: number])[]): BlockList => {
  const blocks = new BlockList();
  for (const [network, prefix] of subnets) blocks.addSubnet(network, prefix, type);
  return blocks;
};

const special4 = list('ipv4', [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // shared by a provider's customers, RFC 6598
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local: the instance metadata of a cloud
  ['172.16.0.0', 12], // private, RFC 1918
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // former relays of 6to4
  ['192.168.0.0', 16], // private, RFC 1918
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved and broadcast
]);

/** All that is global unicast: neither loopback, link-local, unique local and multicast, nor IPv4 in IPv6 (mapped, translated). */
const global6 = list('ipv6', [['2000::', 3]]);

const special6 = list('ipv6', [
  ['2001::', 23], // protocol assignments, Teredo among them: it carries IPv4 addresses
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4 carries IPv4 addresses
  ['3fff::', 20], // documentation
]);

/** @param address as a resolver or a URL gives it, without brackets; anything else is not public */
export function isPublicAddress(address: string): boolean {
  // A zone is of a link.
  if (address.includes('%')) return false;
  const version = isIP(address);
  if (version === 4) return !special4.check(address, 'ipv4');
  return version === 6 && global6.check(address, 'ipv6') && !special6.check(address, 'ipv6');
}

/** Whether the address is of this machine itself. */
export function isLoopbackAddress(address: string): boolean {
  return (isIP(address) === 4 && address.startsWith('127.')) || address === '::1';
}
