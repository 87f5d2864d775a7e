/** How examinations and reviews are shown. */
import { type Around, facts, table, wrap } from './present.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

export function showDiagnosis({ stage, issuer, well, causes, functions }: Values, { advise }: Around): string {
  const fine = functions.filter(({ state, last_update }: Values) => state === 'Active' && last_update !== 'Failed').length;
  const list = causes.flatMap(({ cause, seen, mend }: Values) => [
    wrap(`  - ${advise(cause)}`, 4),
    wrap(`    seen: ${seen}`, 6),
    wrap(`    → ${advise(mend)}`, 6),
  ]);
  return [
    `Stage ${stage}, ${issuer}.`,
    `Functions: ${fine} of ${functions.length} are active.`,
    well ? 'No cause of trouble was found.' : ['Causes:', ...list].join('\n'),
  ].join('\n');
}

export function showAccess(report: Values): string {
  const { since, requests, by_route, by_address, by_client, errors, denied_sign_ins, unusual } = report;
  const tally = (one: Values) => [one.requests, one.refused, one.throttled, one.denied_sign_ins];
  return [
    facts([
      ['since', since],
      ['requests', requests],
      ['denied sign-ins', denied_sign_ins],
    ]),
    table(
      ['ROUTE', 'STATUS × REQUESTS'],
      by_route.map(({ route, statuses }: Values) => [
        route,
        Object.entries(statuses).map(([status, times]) => `${status} × ${times}`),
      ]),
    ),
    table(
      ['ADDRESS', 'REQUESTS', 'REFUSED', 'THROTTLED', 'DENIED SIGN-INS'],
      by_address.map((one: Values) => [one.address, ...tally(one)]),
    ),
    table(
      ['CLIENT', 'REQUESTS', 'REFUSED', 'THROTTLED', 'DENIED SIGN-INS'],
      by_client.map((one: Values) => [one.client_id, ...tally(one)]),
    ),
    table(
      ['ERROR', 'TIMES'],
      errors.map(({ what, times }: Values) => [what, times]),
    ),
    unusual.length === 0 ? 'Nothing unusual.' : ['Unusual:', ...unusual.map((one: string) => `  - ${one}`)].join('\n'),
  ].join('\n\n');
}
