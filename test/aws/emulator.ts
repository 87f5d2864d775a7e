/** Starts the AWS emulator on this machine's loopback, with IAM enforced, and ends it with every function that it runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { env } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { lastLines, launch, signalGroup } from './programs.ts';

export interface Emulator {
  readonly endpoint: string;
  /** Everything that a program needs to take the emulator for AWS. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export const account = '000000000000';
export const region = 'us-east-1';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function listens(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Ends the emulator where we disappear in a way that lets nobody act: our end closes the pipe that the guard reads. */
function guard(pid: number): () => void {
  const script = 'cat >/dev/null; kill -KILL "-$1" 2>/dev/null';
  const child = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.stdin.on('error', () => {});
  return () => void child.kill('SIGKILL');
}

/**
 * @param python of the environment that the emulator is installed in
 * @param folder its own, for state, code of functions and its log
 * @param programs folder whose programs come first: functions run with the `node` that is found there
 */
export async function startEmulator(python: string, folder: string, programs: string): Promise<Emulator> {
  const port = await freePort();
  const log = join(folder, 'emulator.log');
  for (const name of ['tmp', 'state', 's3']) mkdirSync(join(folder, name), { recursive: true });
  const child = launch({
    command: python,
    args: ['-m', 'ministack'],
    log,
    cwd: folder,
    // Functions inherit it: nothing of ours may be in there.
    environment: {
      PATH: `${programs}:${env.PATH ?? ''}`,
      HOME: folder,
      TMPDIR: join(folder, 'tmp'),
      LANG: 'C.UTF-8',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      // With TLS the API has an https issuer, as on AWS.
      USE_SSL: '1',
      // Roles may then do what their policies say, and no more.
      AUTH: 'true',
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      STATE_DIR: join(folder, 'state'),
      S3_DATA_DIR: join(folder, 's3'),
    },
  });
  const ended = once(child, 'exit').catch(() => {});
  const release = guard(child.pid ?? 0);
  const stop = async () => {
    signalGroup(child, 'SIGTERM');
    const late = new AbortController();
    await Promise.race([ended, pause(5000, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
    signalGroup(child, 'SIGKILL');
    await ended;
    release();
  };
  const certificate = join(folder, 'tmp/ministack-tls/server.crt');
  for (const deadline = Date.now() + 60_000; !(existsSync(certificate) && (await listens(port))); await pause(100)) {
    if (child.exitCode === null && child.signalCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`the AWS emulator did not start:\n${lastLines(log)}`);
  }
  const endpoint = `https://127.0.0.1:${port}`;
  return {
    endpoint,
    log,
    ended,
    stop,
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      // The account's root, who is asked for no policy.
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CA_BUNDLE: certificate,
      NODE_EXTRA_CA_CERTS: certificate,
    },
  };
}
