/** Reads a network address or a range of them in CIDR notation (RFC 4632, RFC 4291 §2.3) and writes it in one way. */
import { isIPv4, isIPv6 } from 'node:net';

export interface AddressRange {
  /** The first address of the range. */
  readonly network: string;
  /** Bits that all its addresses share. */
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Shorter prefixes reach further than a block may: a mistyped digit must not shut everybody out. */
export const shortestPrefix = { ipv4: 8, ipv6: 19 } as const;

const mapped = /^::ffff:(?=[\d.]+$)/i;

function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, lead = '', ...octets] = dotted ?? [];
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  const text = dotted ? `${lead}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}` : address;
  const [head = '', tail] = text.split('::');
  const read = (part: string) =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [before, after] = [read(head), read(tail ?? '')];
  return tail === undefined ? before : [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Sets the bits behind the prefix to zero. */
function mask(parts: readonly number[], width: number, prefix: number): number[] {
  return parts.map((part, index) => {
    const kept = Math.min(width, Math.max(0, prefix - index * width));
    return part & (((1 << width) - 1) ^ ((1 << (width - kept)) - 1));
  });
}

/** The longest run of zero groups shortened (RFC 5952 §4.2). */
function writeGroups(groups: readonly number[]): string {
  const words = groups.map((group) => group.toString(16)).join(':');
  const runs = words.match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? [];
  const longest = runs.toSorted((one, other) => other.length - one.length)[0];
  if (longest === undefined) return words;
  const at = words.indexOf(longest);
  return `${words.slice(0, at)}::${words.slice(at + longest.length).replace(/^:/, '')}`;
}

/** @returns undefined where it is neither an address nor a range */
export function readAddressRange(text: string): AddressRange | undefined {
  const [, given = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const address = given.replace(mapped, '');
  const ipv4 = isIPv4(address);
  if (!ipv4 && (!isIPv6(address) || address.includes('%'))) return undefined;
  const bits = ipv4 ? 32 : 128;
  const shared = ipv4 && given !== address ? 96 : 0;
  const prefix = length === undefined ? bits : Number(length) - shared;
  if (prefix < 0 || prefix > bits) return undefined;
  if (ipv4) return { network: mask(address.split('.').map(Number), 8, prefix).join('.'), prefix, family: 'ipv4' };
  return { network: writeGroups(mask(groupsOf(address), 16, prefix)), prefix, family: 'ipv6' };
}

export function writeAddressRange({ network, prefix }: AddressRange): string {
  return `${network}/${prefix}`;
}
