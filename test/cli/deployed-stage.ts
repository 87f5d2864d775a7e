/** A deployed stage for tests of releases: an account with functions in several releases, and a server that is the release that its aliases say. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Move, Release } from '../../lib/releases/record.ts';
import { type Account, openAccount } from '../support/aws-account.ts';
import { runInProcess, type ToolRun } from './stage.ts';

export const names = ['authorize', 'health', 'jwks', 'migrate', 'ready', 'token'];

export interface DeployedStage {
  readonly account: Account;
  readonly issuer: string;
  /** Releases whose readiness check fails. */
  readonly sick: Set<number>;
  /** What the server answers at a path instead of what it should. */
  readonly faults: Record<string, readonly [number, unknown]>;
  /** Puts the next release in place, as a deploy does: new versions of these functions, the alias of no other one. */
  deploy(functions?: readonly string[], release?: Partial<Release>): Release;
  /** The version of every alias, without the names' common beginning. */
  versions(): Record<string, string>;
  moves(): Move[];
  run(...words: readonly string[]): Promise<ToolRun>;
  stop(): Promise<void>;
}

export async function openDeployedStage(): Promise<DeployedStage> {
  const account = await openAccount();
  const sick = new Set<number>();
  const releases: Release[] = [];
  const faults: DeployedStage['faults'] = {};
  const short = (name: string) => name.replace('oauth2-dev-', '');
  const versions = () => Object.fromEntries(Object.entries(account.versions()).map(([name, version]) => [short(name), version]));
  const liveOf = (name: string) => releases.findLast(({ functions }) => functions[name] === versions()[name]);
  const server = createServer((request, response) => {
    const issuer = `http://${request.headers.host}`;
    const ready = !sick.has(liveOf('ready')?.number ?? 0);
    const answers: Record<string, readonly [number, unknown]> = {
      '/health': [200, { status: 'healthy', release: liveOf('health')?.release, version: '1.0.0' }],
      '/ready': [
        ready ? 200 : 503,
        { status: ready ? 'ready' : 'unavailable', checks: { database: ready ? 'ok' : 'unreachable' } },
      ],
      '/.well-known/openid-configuration': [200, { issuer }],
      '/.well-known/jwks.json': [200, { keys: [{ kid: 'one', kty: 'EC' }] }],
      '/oauth/token': [200, { access_token: 'token', expires_in: 900 }],
      '/oauth/introspect': [200, { active: true, client_id: 'throw-away' }],
      ...faults,
    };
    const [status, body] = answers[request.url ?? ''] ?? [404, { error: 'not_found' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    account,
    issuer,
    sick,
    faults,
    versions,
    deploy(functions = names, change = {}) {
      const number = releases.length + 1;
      for (const name of functions) account.addFunction(`oauth2-dev-${name}`, String(number * 10));
      const release: Release = {
        number,
        release: `1.${number}.0`,
        commit: `c0ffee${number}`,
        time: new Date(Date.UTC(2026, 0, number)).toISOString(),
        schema_version: 1,
        issuer,
        functions: versions(),
        ...change,
      };
      releases.push(release);
      account.parameters.set(`/oauth2/dev/releases/${String(number).padStart(6, '0')}`, JSON.stringify(release));
      return release;
    },
    moves: () =>
      [...account.parameters].flatMap(([name, text]) =>
        name.startsWith('/oauth2/dev/moves/') ? [JSON.parse(text) as Move] : [],
      ),
    run: (...words) => runInProcess([...words, '--stage', 'dev'], {}, '', { tries: 1, pause_ms: 0 }),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await account.close();
    },
  };
}
