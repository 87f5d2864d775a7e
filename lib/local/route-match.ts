/** Finds the route of a request as an API Gateway HTTP API does: the most specific path wins, then the method before ANY. */

export interface GatewayRoute {
  /** `GET`, … or `ANY`. */
  readonly method: string;
  /** `/a/{b}` with one segment per parameter, or `/a/{b+}` whose last parameter takes the rest. */
  readonly path: string;
  /** Name of the function that answers. */
  readonly function: string;
}

export interface Match {
  readonly route: GatewayRoute;
  readonly parameters: Record<string, string> | undefined;
}

interface Pattern {
  readonly route: GatewayRoute;
  readonly segments: readonly string[];
}

/** 3 for a literal segment, 2 for a parameter, 1 for a greedy one: compared from left to right. */
function rank(segment: string | undefined): number {
  if (segment === undefined) return 0;
  if (!/^\{.+\}$/.test(segment)) return 3;
  return segment.endsWith('+}') ? 1 : 2;
}

function bySpecificity(a: Pattern, b: Pattern): number {
  for (let at = 0; at < Math.max(a.segments.length, b.segments.length); at++) {
    const difference = rank(b.segments[at]) - rank(a.segments[at]);
    if (difference !== 0) return difference;
  }
  return Number(a.route.method === 'ANY') - Number(b.route.method === 'ANY');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function bind(pattern: Pattern, segments: readonly string[]): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [at, wanted] of pattern.segments.entries()) {
    const given = segments[at];
    const kind = rank(wanted);
    if (given === undefined || (kind < 3 && given === '')) return undefined;
    if (kind === 1) {
      parameters[wanted.slice(1, -2)] = segments.slice(at).map(decode).join('/');
      return parameters;
    }
    if (kind === 2) parameters[wanted.slice(1, -1)] = decode(given);
    else if (wanted !== decode(given)) return undefined;
  }
  return pattern.segments.length === segments.length ? parameters : undefined;
}

/** Makes a matcher of the routes; a `$default` path takes what no other route takes. */
export function routeMatcher(routes: readonly GatewayRoute[]): (method: string, path: string) => Match | undefined {
  const patterns = routes.map((route) => ({ route, segments: route.path.split('/') })).sort(bySpecificity);
  const fallback = routes.find((route) => route.path === '$default');
  return (method, path) => {
    const segments = path.split('/');
    for (const pattern of patterns) {
      if (pattern.route.method !== 'ANY' && pattern.route.method !== method) continue;
      const parameters = bind(pattern, segments);
      if (parameters) return { route: pattern.route, parameters: Object.keys(parameters).length > 0 ? parameters : undefined };
    }
    return fallback && { route: fallback, parameters: undefined };
  };
}
