/** Sends the same requests to this server and to oidc-provider over HTTP: every difference is a reviewed one, and every reviewed one is still there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allowedDifferences } from './allowed-differences.ts';
import { authorizeCases } from './cases/authorize.ts';
import { introspectionCases, revocationCases, userinfoCases } from './cases/issued-tokens.ts';
import { metadataCases } from './cases/metadata.ts';
import { tokenCases } from './cases/token.ts';
import { type Contestant, startOurs, startPeer } from './contestants.ts';
import { compare, observe } from './observation.ts';
import type { Cases } from './requests.ts';

const cases: Cases = {
  ...authorizeCases,
  ...tokenCases,
  ...introspectionCases,
  ...revocationCases,
  ...userinfoCases,
  ...metadataCases,
};

let ours: Contestant | undefined;
let peer: Contestant | undefined;

before(async () => {
  [ours, peer] = await Promise.all([startOurs(), startPeer()]);
});

after(async () => {
  await Promise.all([ours?.stop(), peer?.stop()]);
});

for (const [id, send] of Object.entries(cases)) {
  test(`${id}: answered as oidc-provider does, but for the reviewed differences`, async () => {
    assert.ok(ours && peer);
    const [own, other] = await Promise.all([ours, peer].map(async (each) => observe(each.issuer, await send(each))));
    const allowed = allowedDifferences
      .flatMap(({ where }) => where.filter(({ cases: of }) => of.includes(id)))
      .flatMap(({ facts }) => Object.entries(facts).map(([differs, [here, there]]) => ({ differs, ours: here, theirs: there })))
      .sort((one, two) => (one.differs < two.differs ? -1 : 1));
    assert.deepEqual(compare(own ?? {}, other ?? {}), allowed);
  });
}

test('the table has at least 60 requests, and each reviewed difference names requests of the table and a clause', () => {
  assert.ok(Object.keys(cases).length >= 60);
  for (const { why, where } of allowedDifferences) {
    assert.match(why, /§\d/);
    const named = where.flatMap(({ cases: of }) => of);
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((id) => !(id in cases)),
      [],
    );
  }
});
