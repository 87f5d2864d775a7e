/** What an operator and a load balancer see of the deployment: health, readiness, one sandbox for each function. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { functionName } from '../../lib/procedures.ts';
import type { OwnRuntime } from '../support/deployment.ts';
import type { FindCast } from './cast.ts';

/** What every start and every scenario before this one has called. */
const called = ['migrate', 'create-signing-keys', 'create-user', 'create-client', 'token', 'introspect', 'health', 'ready'];

interface LogLine {
  readonly message: string;
  readonly route?: string;
  readonly procedure?: string;
}

/** Each function writes into a log of its own: whose requests does it hold? */
function readServed({ folder }: OwnRuntime, name: string): Set<string | undefined> {
  const lines = readFileSync(join(folder, 'logs', `${functionName('local', name)}.log`), 'utf8').split('\n');
  const entries = lines.filter((line) => line.startsWith('{"level"')).map((line) => JSON.parse(line) as LogLine);
  const served = entries.filter(({ message }) => message === 'request' || message === 'procedure');
  return new Set(served.map(({ route, procedure }) => route ?? procedure));
}

/** Names of the functions that run below a process, one for each sandbox; undefined where the system does not tell. */
function listSandboxes(parent: number): string[] | undefined {
  if (!existsSync(`/proc/${parent}/environ`)) return undefined;
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    try {
      const [, ppid] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      if (Number(ppid) !== parent) return [];
      const [, name] = /(?:^|\0)AWS_LAMBDA_FUNCTION_NAME=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? [];
      return name === undefined ? [] : [name];
    } catch {
      return []; // It ended meanwhile.
    }
  });
}

export function operationScenarios(findCast: FindCast): void {
  describe('operation', () => {
    test('/health names version, release and uptime', async () => {
      const { deployment } = findCast();
      const response = await deployment.fetch(`${deployment.issuer}/health`);
      const { status, service, ...facts } = (await response.json()) as Record<string, unknown>;
      assert.deepEqual([response.status, status, service], [200, 'healthy', 'oauth2_server']);
      assert.deepEqual(Object.keys(facts).sort(), ['release', 'timestamp', 'uptime_seconds', 'version']);
    });

    test('/ready finds database, migrations and keys as they should be', async () => {
      const { deployment } = findCast();
      const response = await deployment.fetch(`${deployment.issuer}/ready`);
      const body = await response.json();
      assert.deepEqual(body, { status: 'ready', checks: { database: 'ok', migrations: 'ok', keys: 'ok' } });
      assert.equal(response.status, 200);
    });

    test('every endpoint that is announced answers', async () => {
      const { deployment } = findCast();
      const announced = Object.entries(deployment.metadata).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name));
      assert.ok(announced.length >= 7);
      for (const [name, url] of announced) {
        // No endpoint has this method, so that each one says for itself which ones it has.
        const response = await deployment.fetch(String(url), { method: 'PATCH' });
        assert.deepEqual([name, response.status, response.headers.has('allow')], [name, 405, true]);
      }
    });

    test('a path that no route serves is 404', async () => {
      const { deployment } = findCast();
      assert.equal((await deployment.fetch(`${deployment.issuer}/no/such/path`)).status, 404);
    });

    test('each function runs in a sandbox of its own', async () => {
      const { deployment } = findCast();
      const { issuer, metadata, runtime } = deployment;
      // A deployment elsewhere lets nobody look inside; there it is Lambda that sees to it.
      if (!runtime) return;
      for (const name of called) assert.deepEqual([...readServed(runtime, name)], [name]);
      const urls = { health: `${issuer}/health`, ready: `${issuer}/ready`, jwks: String(metadata.jwks_uri), home: `${issuer}/` };
      for (const url of Object.values(urls)) assert.equal((await deployment.fetch(url)).status, 200);
      const sandboxes = listSandboxes(runtime.pid);
      if (!sandboxes) return;
      for (const name of Object.keys(urls))
        assert.ok(sandboxes.includes(functionName('local', name)), `no sandbox of ${name} among ${sandboxes}`);
    });
  });
}
