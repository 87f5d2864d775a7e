/** Which addresses are of the public internet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLoopbackAddress, isPublicAddress } from '../../lib/protocol/public-address.ts';

const inside = [
  '0.0.0.0',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.168.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
];
for (const address of inside)
  test(`SSRF: ${address} is not public`, () => {
    assert.equal(isPublicAddress(address), false);
  });

for (const address of ['8.8.8.8', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1', '2606:4700::1', '2a00:1450::1'])
  test(`SSRF: ${address} is public`, () => {
    assert.equal(isPublicAddress(address), true);
  });

for (const text of ['', 'localhost', '8.8.8', '8.8.8.8.', '0x08.8.8.8', '134744072', '[2606:4700::1]', '2606:4700::1%eth0'])
  test(`SSRF: the text ${JSON.stringify(text)} is no address and so not a public one`, () => {
    assert.equal(isPublicAddress(text), false);
  });

const octet = fc.nat(255);

test('SSRF: whatever the last octets are, no address of an inner network is public', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('10', '127', '0', '169.254', '192.168', '172.16', '172.31', '100.64', '239'),
      octet,
      octet,
      octet,
      (net, a, b, c) => {
        const address = [...net.split('.'), a, b, c].slice(0, 4).join('.');
        return !isPublicAddress(address);
      },
    ),
  );
});

test('SSRF: an IPv4 address in any form of IPv6 is not public, whichever it is', () => {
  fc.assert(
    fc.property(octet, octet, octet, octet, (a, b, c, d) => {
      const four = `${a}.${b}.${c}.${d}`;
      const hex = [a * 256 + b, c * 256 + d].map((part) => part.toString(16)).join(':');
      return [`::ffff:${four}`, `::${four}`, `::ffff:0:${four}`, `64:ff9b::${four}`, `2002:${hex}::1`].every(
        (one) => !isPublicAddress(one),
      );
    }),
  );
});

test('SSRF: outside of global unicast no IPv6 address is public', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffff), (first, last) => {
      const address = `${first.toString(16)}:1::${last.toString(16)}`;
      return !isPublicAddress(address) || (first & 0xe000) === 0x2000;
    }),
  );
});

test('only 127.0.0.0/8 and ::1 are of this machine', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(isLoopbackAddress(address), true, address);
  for (const address of ['127.0.0.1.example', '128.0.0.1', '::ffff:127.0.0.1', 'localhost', '::'])
    assert.equal(isLoopbackAddress(address), false, address);
});
