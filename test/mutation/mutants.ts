/** Known ways to break the server, each with the tests that must notice. */

export interface Mutant {
  /** What the broken server does. */
  readonly breaks: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Test files, as globs below `test/`, of which at least one test must fail. */
  readonly tests: readonly string[];
}

export const mutants: readonly Mutant[] = [
  {
    breaks: 'accepts the PKCE method plain',
    file: 'lib/protocol/authorization-request.ts',
    find: "if (method !== 'S256')",
    replace: "if (method !== 'S256' && method !== 'plain' && method !== undefined)",
    tests: ['conformance/pkce.test.ts'],
  },
  {
    breaks: 'lets a public client do without PKCE',
    file: 'lib/protocol/authorization-request.ts',
    find: "if (client.require_pkce || client.token_endpoint_auth_method === 'none')",
    replace: 'if (false as boolean)',
    tests: ['conformance/pkce.test.ts'],
  },
  {
    breaks: 'ignores the code_verifier',
    file: 'lib/protocol/pkce.ts',
    find: 'return computed.length === expected.length && timingSafeEqual(computed, expected);',
    replace: 'return computed.length === expected.length;',
    tests: ['protocol/pkce.test.ts', 'conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'accepts a verifier without a challenge (PKCE downgrade)',
    file: 'lib/protocol/authorization-code.ts',
    find: 'if (verifier !== undefined) {',
    replace: 'if ((false as boolean) && verifier !== undefined) {',
    tests: ['protocol/authorization-code.test.ts', 'conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'does not revoke what a replayed code was exchanged for',
    file: 'functions/http/token/authorization-code.ts',
    find: "await revokeFamily(db, familyId, 'authorization code replayed', now);",
    replace: 'void revokeFamily;',
    tests: ['conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'redeems a code twice in a race',
    file: 'lib/store/authorization-codes.ts',
    find: 'where code_hash = ${code.code_hash} and redeemed_at is null',
    replace: 'where code_hash = ${code.code_hash}',
    tests: ['store/authorization-codes.test.ts', 'conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'gives the code of one client to another',
    file: 'lib/protocol/authorization-code.ts',
    find: 'if (code.client_id !== client.client_id)',
    replace: 'if ((false as boolean) && code.client_id !== client.client_id)',
    tests: ['protocol/authorization-code.test.ts', 'conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'accepts a code that has expired',
    file: 'lib/protocol/authorization-code.ts',
    find: 'if (code.expires_at <= now)',
    replace: 'if ((false as boolean) && code.expires_at <= now)',
    tests: ['protocol/authorization-code.test.ts', 'conformance/code-exchange.test.ts'],
  },
  {
    breaks: 'drops iss from authorization responses',
    file: 'lib/protocol/authorization-response.ts',
    find: "query.append('iss', issuer);",
    replace: 'void issuer;',
    tests: ['protocol/authorization-response.test.ts', 'conformance/state-and-iss.test.ts'],
  },
  {
    breaks: 'allows another port on https redirect URIs',
    file: 'lib/protocol/redirect-uri.ts',
    find: '/^http:\\/\\/(127\\.0\\.0\\.1|\\[::1\\]|localhost)(?::',
    replace: '/^https?:\\/\\/(127\\.0\\.0\\.1|\\[::1\\]|localhost|client\\.example)(?::',
    tests: ['protocol/redirect-uri.test.ts', 'conformance/authorize*.test.ts'],
  },
  {
    breaks: 'matches redirect URIs by prefix',
    file: 'lib/protocol/redirect-uri.ts',
    find: 'if (given === registered) return true;',
    replace: 'if (given.startsWith(registered)) return true;',
    tests: ['protocol/redirect-uri.test.ts', 'conformance/authorize*.test.ts'],
  },
  {
    breaks: 'does not end the family of a reused refresh token',
    file: 'functions/http/token/refresh-token.ts',
    find: "await revokeFamily(db, verdict.family.family_id, 'refresh token reused', now);",
    replace: 'void revokeFamily;',
    tests: ['conformance/refresh*.test.ts'],
  },
  {
    breaks: 'rotates a refresh token twice in a race',
    file: 'lib/store/token-families.ts',
    find: 'where family_id = ${familyId} and refresh_hash = ${rotation.presented_hash} and revoked_at is null',
    replace: 'where family_id = ${familyId} and revoked_at is null',
    tests: ['store/token-families.test.ts', 'conformance/refresh*.test.ts'],
  },
  {
    breaks: 'grants a scope on refresh that was never granted',
    file: 'lib/protocol/scope.ts',
    find: "return beyond.length > 0 ? { refused: `Scope ${beyond.join(' ')} was not granted.` } : { granted: values };",
    replace: 'return { granted: values };',
    tests: ['protocol/scope.test.ts', 'conformance/refresh*.test.ts'],
  },
  {
    breaks: 'trusts a JWT whose signature nobody checked',
    file: 'lib/protocol/compact-jws.ts',
    find: "if (!signature || !verify('sha256', Buffer.from(jws.input), key, signature)) return undefined;",
    replace: 'void verify;',
    tests: ['protocol/*jws*.test.ts', 'conformance/jwt-hygiene.test.ts'],
  },
  {
    breaks: 'calls a revoked token active',
    file: 'lib/store/access-tokens.ts',
    find: '(a.jti is not null and a.revoked_at is null and',
    replace: '(a.jti is not null and',
    tests: ['store/access-tokens.test.ts', 'conformance/introspection.test.ts', 'conformance/revocation.test.ts'],
  },
  {
    breaks: 'tells any client about any token',
    file: 'lib/protocol/introspection.ts',
    find: 'return caller.client_id === clientId || audience.some((uri) => caller.resources.includes(uri));',
    replace: 'return caller.client_id !== clientId || audience.length >= 0;',
    tests: ['conformance/introspection.test.ts'],
  },
  {
    breaks: 'accepts any client secret',
    file: 'lib/protocol/client-authentication.ts',
    find: "if (credentials.method !== 'none' && (!matches",
    replace: "if ((false as boolean) && credentials.method !== 'none' && (!matches",
    tests: ['conformance/token-endpoint.test.ts'],
  },
  {
    breaks: 'issues client_credentials tokens beyond the registered scope',
    file: 'lib/protocol/scope.ts',
    find: "if (beyond.length > 0) return { refused: `The client may not have scope ${beyond.join(' ')} for itself.` };",
    replace: '',
    tests: ['protocol/scope.test.ts', 'conformance/client-credentials.test.ts'],
  },
  {
    breaks: 'takes forms without their anti-CSRF value',
    file: 'lib/flows/anti-csrf.ts',
    find: 'if (expected.length > 0 && expected.length === presented.length && timingSafeEqual(expected, presented)) return;',
    replace: 'if (expected.length > 0 || timingSafeEqual(presented, presented)) return;',
    tests: ['conformance/consent.test.ts', 'conformance/login.test.ts', 'conformance/attacks-browser.test.ts'],
  },
  {
    breaks: 'keeps the session id across a sign-in (session fixation)',
    file: 'lib/store/sessions.ts',
    find: 'update sessions set session_hash = ${session.session_hash}, authenticated_at',
    replace: 'update sessions set session_hash = ${session.replaces}, authenticated_at',
    tests: ['store/sessions.test.ts', 'conformance/attacks-browser.test.ts', 'conformance/login.test.ts'],
  },
  {
    breaks: 'ignores prompt=login',
    file: 'lib/protocol/interaction.ts',
    find: "if (request.prompt.has('login') || request.prompt.has('select_account')) return true;",
    replace: '',
    tests: ['protocol/interaction.test.ts', 'conformance/prompt.test.ts'],
  },
  {
    breaks: 'skips the consent of an untrusted client',
    file: 'lib/protocol/interaction.ts',
    find: 'return !request.client.trusted && (isImpersonable(request) || !covers(grant, request));',
    replace: 'return false;',
    tests: ['protocol/interaction.test.ts', 'conformance/consent.test.ts'],
  },
  {
    breaks: 'redirects a sign-out anywhere',
    file: 'functions/http/logout/logout.ts',
    find: '!client.post_logout_redirect_uris.includes(uri)',
    replace: '(false as boolean)',
    tests: ['conformance/logout.test.ts'],
  },
  {
    breaks: 'lets a token without the scope in, at userinfo and at the taking in of events',
    file: 'lib/flows/bearer-token.ts',
    find: 'if (scope.includes(wanted)) return;',
    replace: 'if (scope.includes(wanted) || (true as boolean)) return;',
    tests: ['conformance/userinfo.test.ts', 'functions/http/events-ingest.test.ts'],
  },
  {
    breaks: 'lets others say what only this server may',
    file: 'lib/protocol/event-envelope.ts',
    find: '(\\.[a-z0-9_-]+)+$/',
    replace: '(\\.[a-z0-9_-]+)*$/',
    tests: ['functions/http/events-ingest.test.ts'],
  },
  {
    breaks: 'ends the session that has the number of one that is gone',
    file: 'lib/store/database-care.ts',
    find: ' and backend_start = ${began}::text::timestamptz',
    replace: ' and ${began}::text is not null',
    tests: ['ops/mend-database.test.ts'],
  },
  {
    breaks: 'restores a backup that is not what was written',
    file: 'lib/ops/verify-backup.ts',
    find: 'if (differing.length > 0) {',
    replace: 'if ((false as boolean) && differing.length > 0) {',
    tests: ['ops/verify-backup.test.ts'],
  },
  {
    breaks: 'publishes private members of the keys',
    file: 'lib/protocol/key-ring.ts',
    find: "'kty', 'n', 'e', 'crv', 'x', 'y'",
    replace: "'kty', 'n', 'e', 'crv', 'x', 'y', 'd'",
    tests: ['protocol/key-ring.test.ts'],
  },
  {
    breaks: 'answers 500 when the database is away',
    file: 'lib/http/endpoint.ts',
    find: 'if (cause instanceof Unavailable) {',
    replace: 'if ((false as boolean) && cause instanceof Unavailable) {',
    tests: ['conformance/outage.test.ts'],
  },
  {
    breaks: 'counts a line of the log as often as it is delivered',
    file: 'lib/ops/aggregate-metrics.ts',
    find: "const isNew = (_: unknown, index: number) => !counted.has(whole.lines[index] ?? '');",
    replace: 'const isNew = () => counted.size >= 0;',
    tests: ['ops/aggregate-metrics.test.ts'],
  },
  {
    breaks: 'tells the metrics to whoever has a token',
    file: 'functions/http/metrics/metrics.ts',
    find: "if (matchesDigest(token, Buffer.from(config.metrics_token_sha256, 'hex'))) return;",
    replace: 'if (token !== matchesDigest.name) return;',
    tests: ['functions/http/metrics.test.ts'],
  },
];
