/** The route table: every HTTP endpoint of the authorization server, one row for each Lambda function. */

/** What a function may reach; it decides permissions, network and what its bundle may contain. */
export type Need = 'database' | 'signing';

export interface Route {
  /** Methods that the function serves; every other one is answered 405 with `Allow`. */
  readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'DELETE')[];
  /** Paths below the issuer's own path. A `{name}` segment is a path parameter. */
  readonly paths: readonly string[];
  /** The member of the discovery document that announces the first path. */
  readonly metadata?: string;
  readonly needs: readonly Need[];
  /** How errors are shown: to a program or to a person. */
  readonly answers: 'json' | 'page';
  /** Whether scripts of other origins may call it (OAuth 2.1 §3.2); never the authorization endpoint (§3.1). */
  readonly cors: boolean;
  readonly purpose: string;
}

export const routes = {
  authorize: {
    methods: ['GET', 'POST'],
    paths: ['/oauth/authorize'],
    metadata: 'authorization_endpoint',
    needs: ['database'],
    answers: 'page',
    cors: false,
    purpose: 'Starts the authorization code flow',
  },
  token: {
    methods: ['POST'],
    paths: ['/oauth/token'],
    metadata: 'token_endpoint',
    needs: ['database', 'signing'],
    answers: 'json',
    cors: true,
    purpose: 'Issues tokens for a code, a refresh token or client credentials',
  },
  introspect: {
    methods: ['POST'],
    paths: ['/oauth/introspect'],
    metadata: 'introspection_endpoint',
    needs: ['database'],
    answers: 'json',
    cors: false,
    purpose: 'Tells a resource server whether a token is active',
  },
  revoke: {
    methods: ['POST'],
    paths: ['/oauth/revoke'],
    metadata: 'revocation_endpoint',
    needs: ['database'],
    answers: 'json',
    cors: true,
    purpose: 'Revokes an access or a refresh token',
  },
  userinfo: {
    methods: ['GET', 'POST'],
    paths: ['/oauth/userinfo'],
    metadata: 'userinfo_endpoint',
    needs: ['database'],
    answers: 'json',
    cors: true,
    purpose: 'Claims about the end-user of an access token',
  },
  discovery: {
    methods: ['GET'],
    paths: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
    needs: [],
    answers: 'json',
    cors: true,
    purpose: 'The metadata of this authorization server',
  },
  jwks: {
    methods: ['GET'],
    paths: ['/.well-known/jwks.json'],
    metadata: 'jwks_uri',
    needs: ['database'],
    answers: 'json',
    cors: true,
    purpose: 'The public keys that verify its tokens',
  },
  register: {
    methods: ['POST'],
    paths: ['/clients/register'],
    metadata: 'registration_endpoint',
    needs: ['database'],
    answers: 'json',
    cors: true,
    purpose: 'Registers a client (off in production by default)',
  },
  registration: {
    methods: ['GET', 'PUT', 'DELETE'],
    paths: ['/clients/register/{client_id}'],
    needs: ['database'],
    answers: 'json',
    cors: true,
    purpose: 'Reads, changes or deletes a registered client',
  },
  login: {
    methods: ['GET', 'POST'],
    paths: ['/login'],
    needs: ['database'],
    answers: 'page',
    cors: false,
    purpose: 'Signs the end-user in',
  },
  consent: {
    methods: ['GET', 'POST'],
    paths: ['/consent'],
    needs: ['database'],
    answers: 'page',
    cors: false,
    purpose: 'Asks the end-user what the client may do',
  },
  logout: {
    methods: ['GET', 'POST'],
    paths: ['/logout'],
    metadata: 'end_session_endpoint',
    needs: ['database'],
    answers: 'page',
    cors: false,
    purpose: 'Signs the end-user out (RP-initiated)',
  },
  health: {
    methods: ['GET'],
    paths: ['/health'],
    needs: [],
    answers: 'json',
    cors: false,
    purpose: 'Whether the process answers',
  },
  ready: {
    methods: ['GET'],
    paths: ['/ready'],
    needs: ['database', 'signing'],
    answers: 'json',
    cors: false,
    purpose: 'Whether database, keys and migrations are as they should be',
  },
  metrics: {
    methods: ['GET'],
    paths: ['/metrics'],
    needs: ['database'],
    answers: 'json',
    cors: false,
    purpose: 'The metrics for Prometheus (off by default)',
  },
  'events-health': {
    methods: ['GET'],
    paths: ['/events/health'],
    needs: ['database'],
    answers: 'json',
    cors: false,
    purpose: 'Whether events reach the bus, how many wait and since when',
  },
  'events-ingest': {
    methods: ['POST'],
    paths: ['/events/ingest'],
    needs: ['database'],
    answers: 'json',
    cors: false,
    purpose: 'Takes in events of other producers',
  },
  home: {
    methods: ['GET'],
    paths: ['/'],
    needs: [],
    answers: 'page',
    cors: false,
    purpose: 'Says what this is and where to go on',
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

export const routeNames = Object.keys(routes) as RouteName[];

/**
 * Every path at which a route answers for an issuer.
 * @param issuerPath path of the issuer URL without a trailing slash, `''` where it has none
 * A well-known document of an issuer with a path is also found with the path appended (RFC 8414 §3.1).
 */
export function pathsOf(route: Route, issuerPath: string): string[] {
  const own = route.paths.map((path) => (issuerPath !== '' && path === '/' ? issuerPath : issuerPath + path));
  if (issuerPath === '') return own;
  const inserted = route.paths.filter((path) => /^\/\.well-known\/o/.test(path)).map((path) => path + issuerPath);
  return [...own, ...inserted];
}
