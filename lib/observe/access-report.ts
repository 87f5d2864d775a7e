/** Reviews who asked for what: requests by route and status, addresses and clients that were refused, denied sign-ins. */
import { logGroups } from '../log-queries.ts';
import { answering, type ToolProcedure } from '../releases/tool.ts';
import { routeNames } from '../routes.ts';
import { type LogLine, readLogs, type Selection } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

/** Addresses and clients that are shown. */
const shown = 15;

/** A client or an address is unusual where so many of its requests were refused, in percent, and there were so many. */
const unusual = { refused_percent: 50, requests: 10 };

interface Tally {
  requests: number;
  refused: number;
  denied_sign_ins: number;
  throttled: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Terminals obey control characters, and these are the words of strangers. */
function readable(value: unknown): string {
  return String(value)
    .replace(/\p{Cc}/gu, '?')
    .slice(0, 100);
}

function add(tallies: Map<string, Tally>, key: string, status: number, isSignIn: boolean): void {
  const tally = tallies.get(key) ?? { requests: 0, refused: 0, denied_sign_ins: 0, throttled: 0 };
  tally.requests++;
  if (status >= 400 && status < 500) tally.refused++;
  if (status === 429) tally.throttled++;
  if (isSignIn && (status === 401 || status === 429)) tally.denied_sign_ins++;
  tallies.set(key, tally);
}

function top<Name extends string>(tallies: Map<string, Tally>, name: Name) {
  return [...tallies]
    .map(
      ([key, tally]) =>
        ({ [name]: key, ...tally, unusual: isUnusual(tally) }) as Record<Name, string> & Tally & { unusual: boolean },
    )
    .toSorted((one, other) => other.refused - one.refused || other.requests - one.requests)
    .slice(0, shown);
}

function isUnusual({ requests, refused }: Tally): boolean {
  return requests >= unusual.requests && (100 * refused) / requests >= unusual.refused_percent;
}

/** Pure. @param access lines of the gateway @param requests lines of the functions, which know the client and the error */
export function reviewAccess(access: readonly Fields[], requests: readonly Fields[]) {
  const known = new Map(requests.map((one) => [one.request_id, one]));
  const routes = new Map<string, Map<string, number>>();
  const [addresses, clients] = [new Map<string, Tally>(), new Map<string, Tally>()];
  for (const line of access) {
    const own = known.get(line.request_id);
    const status = Number(line.status);
    const route = String(own?.route ?? line.route ?? '–');
    const statuses = routes.get(route) ?? new Map<string, number>();
    statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1);
    routes.set(route, statuses);
    const isSignIn = route === 'login' && line.method === 'POST';
    // Behind CloudFront the gateway knows only that, and the function whom it serves.
    add(addresses, readable(own?.address ?? line.address), status, isSignIn);
    if (own?.client_id !== undefined) add(clients, readable(own.client_id), status, isSignIn);
  }
  const errors = Map.groupBy(
    requests.filter(({ error }) => error !== undefined),
    ({ route, error }) => `${route} ${error}`,
  );
  const by_address = top(addresses, 'address');
  const by_client = top(clients, 'client_id');
  return {
    requests: access.length,
    by_route: [...routes].map(([route, statuses]) => ({ route, statuses: Object.fromEntries([...statuses].sort()) })),
    by_address,
    by_client,
    errors: [...errors].map(([what, { length }]) => ({ what, times: length })).toSorted((one, other) => other.times - one.times),
    denied_sign_ins: [...addresses.values()].reduce((sum, one) => sum + one.denied_sign_ins, 0),
    unusual: [
      ...by_address
        .filter((one) => one.unusual)
        .map(({ address, requests: asked, refused }) => `address ${address}: ${refused} of ${asked} requests were refused`),
      ...by_client
        .filter((one) => one.unusual)
        .map(({ client_id, requests: asked, refused }) => `client ${client_id}: ${refused} of ${asked} requests were refused`),
    ],
  };
}

export const reportAccess: ToolProcedure = answering(async (context, { input }) => {
  const { stage } = context;
  const window = { from: Number(input.since), to: Date.now() };
  const access = logGroups.access(stage);
  const selection: Selection = {
    groups: [access, ...routeNames.map((name) => logGroups.function(stage, name))],
    patterns: (group) => (group === access ? [] : ['{ $.message = "request" }']),
    keep: ({ json }) => json !== undefined,
  };
  const lines = await withLogs(context, (logs) => readLogs(logs, selection, window));
  const fieldsOf = (list: readonly LogLine[]) => list.map(({ json }) => json as Fields);
  const { own = [], others = [] } = Object.groupBy(lines, ({ group }) => (group === access ? 'own' : 'others'));
  const result = { since: new Date(window.from).toISOString(), ...reviewAccess(fieldsOf(own), fieldsOf(others)) };
  const next =
    result.unusual.length === 0
      ? undefined
      : ['oauth2ctl block --address RANGE, or --client CLIENT_ID, holds them back for a time'];
  return { outcome: 'succeeded', plan: { steps: [] }, result, ...(next && { next }) };
});
