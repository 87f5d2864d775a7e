/** Whose address a request has: with nothing in front, the peer's; behind CloudFront, the viewer's, once the secret proves that it came that way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAddressReader } from '../../lib/http/caller-address.ts';
import { originHeader } from '../../lib/origin-secret.ts';
import { Refusal } from '../../lib/protocol/errors.ts';
import { makeEvent } from '../support/gateway-event.ts';

const peer = '130.176.0.9';
const read = (secrets: readonly string[], headers: Record<string, string>) =>
  createAddressReader(secrets)(makeEvent({ path: '/health', headers, source_ip: peer }));

describe('with nothing in front', () => {
  it('the peer is who asks, whatever headers say', () => {
    const headers = { 'x-forwarded-for': '192.0.2.1', 'cloudfront-viewer-address': '192.0.2.1:5', [originHeader]: '' };
    assert.equal(read([], headers), peer);
  });
});

describe('behind CloudFront', () => {
  const through = (forwarded: string, secret = 'new') =>
    read(['new', 'old'], { [originHeader]: secret, 'x-forwarded-for': forwarded });

  for (const [what, forwarded, address] of [
    ['the viewer', `203.0.113.7, ${peer}`, '203.0.113.7'],
    ['the viewer, also where it names others', `192.0.2.1, 10.0.0.1, 203.0.113.7, ${peer}`, '203.0.113.7'],
    ['the viewer, also where it names the peer', `${peer}, 203.0.113.7,${peer}`, '203.0.113.7'],
    ['the viewer, also where the gateway adds nothing', '192.0.2.1, 203.0.113.7', '203.0.113.7'],
    ['a viewer with an IPv6 address', `2001:db8:1:2::3, ${peer}`, '2001:db8:1:2::3'],
  ] as const)
    it(`who asks is ${what}`, () => assert.equal(through(forwarded), address));

  it('the secret of before is accepted, too', () => assert.equal(through(`203.0.113.7, ${peer}`, 'old'), '203.0.113.7'));

  for (const [what, headers] of [
    ['no secret', {}],
    ['an empty secret', { [originHeader]: '' }],
    ['another secret', { [originHeader]: 'newer' }],
    ['both secrets as one', { [originHeader]: 'new old' }],
  ] as const)
    it(`who comes with ${what} is refused with 403, and believed nothing`, () => {
      assert.throws(
        () => read(['new', 'old'], { ...headers, 'x-forwarded-for': `203.0.113.7, ${peer}` }),
        (error) => error instanceof Refusal && error.status === 403 && error.detail?.startsWith(`${peer} went around`) === true,
      );
    });

  for (const forwarded of ['', peer, `nobody, ${peer}`])
    it(`a viewer that is not named is a fault, and not everybody: ${JSON.stringify(forwarded)}`, () => {
      assert.throws(() => through(forwarded), /CloudFront names no viewer/);
    });

  it('what came through no API was sent by who may invoke the function', () => {
    const event = makeEvent({ path: '/ready', source_ip: '127.0.0.1' });
    const { apiId: _apiId, ...requestContext } = event.requestContext;
    assert.equal(createAddressReader(['new'])({ ...event, requestContext } as typeof event), '127.0.0.1');
  });
});
