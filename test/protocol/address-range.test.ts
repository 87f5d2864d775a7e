/** Network addresses and ranges as people write them. */
import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { readAddressRange, writeAddressRange } from '../../lib/protocol/address-range.ts';

const written = (text: string) => {
  const range = readAddressRange(text);
  return range && writeAddressRange(range);
};

for (const [text, expected] of [
  ['203.0.113.7', '203.0.113.7/32'],
  ['203.0.113.7/24', '203.0.113.0/24'],
  ['10.255.3.4/9', '10.128.0.0/9'],
  ['::ffff:203.0.113.7', '203.0.113.7/32'],
  ['::ffff:203.0.113.7/120', '203.0.113.0/24'],
  ['2001:db8::1', '2001:db8::1/128'],
  ['2001:DB8:0:0:1:0:0:1/64', '2001:db8::/64'],
  ['2001:db8:ffff:ffff::/33', '2001:db8:8000::/33'],
  ['::1', '::1/128'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221/128'],
  ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8/127'],
  ['0.0.0.0/0', '0.0.0.0/0'],
] as const)
  test(`${text} is ${expected}`, () => assert.equal(written(text), expected));

for (const text of [
  '',
  'example.com',
  '203.0.113',
  '203.0.113.7/33',
  '203.0.113.7/-1',
  '2001:db8::/129',
  'fe80::1%eth0',
  '1.2.3.4/8/8',
  '::ffff:1.2.3.4/90',
])
  test(`"${text}" is none`, () => assert.equal(written(text), undefined));

test('a range of any prefix holds its own first address and not the one before it, as Node itself counts', () => {
  for (let prefix = 8; prefix <= 32; prefix++) {
    const range = readAddressRange(`203.0.113.200/${prefix}`);
    const list = new BlockList();
    list.addSubnet(range?.network ?? '', prefix);
    assert.ok(list.check('203.0.113.200'), `/${prefix}`);
  }
});
