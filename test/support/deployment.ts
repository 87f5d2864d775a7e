/** Finds the deployment that the end-to-end tests call: the one that the environment names, or a local runtime of their own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env, execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { invokeProcedure } from '../../lib/cli/invoke.ts';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { FunctionProcedureName } from '../../lib/procedures.ts';
import { settings, wiring } from '../../lib/settings.ts';

/** The local runtime, where it is ours to look into. */
export interface OwnRuntime {
  readonly pid: number;
  readonly folder: string;
  /** Stops it, lets something happen to its folder, and starts it again at the same address. */
  restart(meanwhile: () => void): Promise<void>;
}

export interface Deployment {
  /** As the deployment says it itself; the address that is called may be another one. */
  readonly issuer: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly runtime: OwnRuntime | undefined;
  /** Address of a path of the issuer's origin. */
  url(path: string): string;
  /** Calls a URL of the issuer at the deployment's address; takes what the libraries hand to a fetch of one's own. */
  fetch(url: string, init?: object): Promise<Response>;
  /** Runs a procedure as the command-line tool does. @returns its result */
  operate<T>(name: FunctionProcedureName, input: Readonly<Record<string, unknown>>): Promise<T>;
  stop(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../..');

interface Running {
  readonly address: string;
  readonly folder: string;
  readonly child: ChildProcess;
  /** Ends it, and leaves its folder. */
  end(): Promise<void>;
  stop(): Promise<void>;
}

/** What npm gives its scripts; the settings of whoever runs the tests are not those of the deployment under test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = new Set(['NODE_TEST_CONTEXT', 'OAUTH2_RELEASE', ...Object.keys(settings), ...Object.keys(wiring)]);
  // Where this machine has them: drills need them, wherever they are.
  ours.delete('OAUTH2_POSTGRES_PROGRAMS');
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.has(name)));
}

/** Starts `bin/local.ts`; by default on a free port and a folder that nobody else has. */
async function startLocal(folder = mkdtempSync(join(tmpdir(), 'oauth2-e2e-')), port = '0'): Promise<Running> {
  const child = spawn(execPath, [join(root, 'bin/local.ts')], {
    cwd: root,
    env: {
      ...cleanEnvironment(),
      PORT: port,
      OAUTH2_DATA_DIR: folder,
      OAUTH2_REGISTRATION: 'open',
      // As under npm, it ends by itself when we are gone.
      npm_lifecycle_event: 'start',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const said: string[] = [];
  const ready = new Promise<string>((found, fail) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        const issuer = /^ready (\S+)$/.exec(line)?.[1];
        if (issuer !== undefined) found(issuer);
      });
    closed.then(([code]) => fail(new Error(`the local runtime ended (${code}):\n${said.join('\n')}`)), fail);
  });
  const end = async () => {
    child.kill('SIGTERM');
    await closed;
  };
  const stop = async () => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { address: await ready, folder, child, end, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Created clients and accounts, so that a deployment that lives on keeps none of them in use. */
interface Leftovers {
  readonly clients: string[];
  readonly users: string[];
}

/**
 * The deployment under test. With OAUTH2_BASE_URL it is that one: OAUTH2_STAGE (default `local`) names its stage and, for `local`,
 * OAUTH2_DATA_DIR its folder; elsewhere the AWS identity of the environment invokes the procedures.
 * @throws where it cannot be started, or does not answer
 */
export async function openDeployment(): Promise<Deployment> {
  const given = env.OAUTH2_BASE_URL?.replace(/\/$/, '');
  let own = given ? undefined : await startLocal();
  const base = given ?? own?.address ?? '';
  const stage = own ? 'local' : env.OAUTH2_STAGE || 'local';
  const environment = own ? { OAUTH2_DATA_DIR: own.folder } : env;
  const leftovers: Leftovers = { clients: [], users: [] };

  const call = async (name: FunctionProcedureName, input: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const order = { input, apply: true, reason: 'end-to-end test' };
    const answer = await invokeProcedure(stage, name, order, environment);
    if (answer.outcome !== 'succeeded') throw new Error(`${name} ${answer.outcome}: ${answer.error?.message}`);
    return answer.result;
  };
  const restart = async ({ address, folder, end }: Running, meanwhile: () => void) => {
    await end();
    meanwhile();
    own = await startLocal(folder, new URL(address).port);
  };
  const stop = async () => {
    if (own) return own.stop();
    for (const client_id of leftovers.clients) await call('disable-client', { client_id });
    for (const username of leftovers.users) await call('disable-user', { username });
  };

  try {
    const response = await fetch(`${base}/.well-known/openid-configuration`);
    if (!response.ok) throw new Error(`${response.url} answers ${response.status}: is OAUTH2_BASE_URL the deployment's address?`);
    const metadata = (await response.json()) as Record<string, unknown>;
    const issuer = String(metadata.issuer);
    const { origin, pathname } = new URL(issuer);
    const issuerPath = pathname.replace(/\/$/, '');
    const reach = (url: string) => {
      if (url.startsWith(issuer)) return base + url.slice(issuer.length);
      // A well-known document whose path has the issuer's appended (RFC 8414 §3.1).
      return url.startsWith(`${origin}/`) ? new URL(base).origin + url.slice(origin.length) : url;
    };
    return {
      issuer,
      metadata,
      runtime: own && {
        pid: readRuntimeFile(own.folder)?.pid ?? 0,
        folder: own.folder,
        restart: (meanwhile) => restart(own ?? assert.fail(), meanwhile),
      },
      url: (path) => base + (path.startsWith(`${issuerPath}/`) ? path.slice(issuerPath.length) : path),
      fetch: (url, init) => fetch(reach(url), init as RequestInit),
      operate: async <T>(name: FunctionProcedureName, input: Readonly<Record<string, unknown>>) => {
        const result = await call(name, input);
        if (name === 'create-client') leftovers.clients.push((result as { client_id: string }).client_id);
        if (name === 'create-user') leftovers.users.push(String(input.username));
        return result as T;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
