/** Where logout tokens may go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReach, findLogoutUriFault } from '../../lib/protocol/logout-uri.ts';

for (const [uri, fault] of [
  ['http://client.example/logout', /http on a host/],
  ['http://10.0.0.1/logout', /http on a host/],
  ['http://localhost.evil.example/', /http on a host/],
  ['https://client.example/logout#part', /fragment/],
  ['https://user:password@client.example/', /user information/],
  ['https:client.example', /not an https URI/],
  ['com.example.app:/logout', /not an https URI/],
  ['javascript:alert(1)', /not an https URI/],
  ['/logout', /not an absolute URI/],
  ['https://client.example/a b', /not an absolute URI/],
  ['https://127.0.0.1/logout', /not a public one/],
  ['https://2130706433/logout', /not a public one/],
  ['https://0x7f.1/logout', /not a public one/],
  ['https://169.254.169.254/latest/meta-data', /not a public one/],
  ['https://[::1]/logout', /not a public one/],
  ['https://[::ffff:169.254.169.254]/', /not a public one/],
] as const)
  test(`Back-Channel Logout §2.2: ${uri} may not be registered`, () => {
    assert.match(findLogoutUriFault(uri) ?? 'none', fault);
  });

for (const uri of [
  'https://client.example/logout',
  'https://client.example:8443/logout?tenant=a&state=x',
  'https://8.8.8.8/logout',
  'http://127.0.0.1:9000/logout',
  'http://localhost/logout',
  'http://[::1]:9000/logout',
])
  test(`Back-Channel Logout §2.2: ${uri} may be registered`, () => {
    assert.equal(findLogoutUriFault(uri), undefined);
  });

test('SSRF: a loopback receiver is reached only for an issuer that is http on a loopback address itself', () => {
  const uri = 'http://127.0.0.1:9000/logout';
  for (const issuer of ['https://issuer.example', 'https://127.0.0.1:8080', 'http://issuer.example'])
    assert.ok('refused' in checkReach(uri, issuer), issuer);
  const reach = checkReach(uri, 'http://127.0.0.1:8080');
  assert.ok('allows' in reach);
  assert.deepEqual([reach.allows('127.0.0.1'), reach.allows('10.0.0.1'), reach.allows('8.8.8.8')], [true, false, false]);
});

test('SSRF: an https receiver is reached at public addresses alone, whatever the issuer', () => {
  for (const issuer of ['https://issuer.example', 'http://127.0.0.1:8080']) {
    const reach = checkReach('https://client.example/logout', issuer);
    assert.ok('allows' in reach);
    assert.deepEqual([reach.allows('8.8.8.8'), reach.allows('127.0.0.1'), reach.allows('169.254.169.254')], [true, false, false]);
  }
});
