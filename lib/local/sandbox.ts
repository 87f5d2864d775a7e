/** One sandbox: a process that runs one function's bundle, one invocation at a time, within its declared time and memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { env, execPath } from 'node:process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { openRuntimeApi, type RuntimeApi } from './runtime-api.ts';

/** A function as the template declares it. */
export interface FunctionSpec {
  readonly name: string;
  readonly arn: string;
  /** Folder of its bundle. */
  readonly folder: string;
  /** `file.export`, as in the template. */
  readonly handler: string;
  readonly memory_mb: number;
  readonly timeout_seconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly verdict: 'answered' | 'failed' | 'timed-out' | 'throttled';
  /** JSON: the answer, or the error as Lambda describes it. */
  readonly payload: string;
  /** The end (4 KB) of what the function wrote during this invocation. */
  readonly tail: () => string;
}

export interface SandboxOptions {
  readonly spec: FunctionSpec;
  /** Added to the environment of every function: endpoints, region. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what the function writes, in whole lines. @param stream names the sandbox in the logs */
  readonly output: (lines: string, stream: string) => void;
  /** Takes what Lambda itself would write into the function's log. */
  readonly platform?: ((line: string, stream: string) => void) | undefined;
  /** Takes a line about the sandbox itself: it crashed, timed out, used too much. */
  readonly notice: (line: string) => void;
  readonly onReady: () => void;
  /** Called once; with the error as JSON when the bundle could not be loaded. */
  readonly onEnd: (initError: string | undefined) => void;
}

export interface Sandbox {
  readonly pid: number | undefined;
  /** Runs one invocation; only when the sandbox is ready. */
  invoke(payload: string): Promise<Outcome>;
  /** Ends the process at once. */
  kill(): void;
  readonly ended: Promise<void>;
}

const bootstrap = fileURLToPath(import.meta.resolve('./bootstrap.mjs'));
/** Lambda allows 10 s; a laptop that starts everything at once gets more. */
const initMilliseconds = 30_000;

/** What Lambda sets for every function; nothing of our own environment but the way to programs. */
function environmentOf({ spec, environment }: SandboxOptions, address: string, stream: string): Record<string, string> {
  const region = environment.AWS_REGION ?? 'us-east-1';
  return {
    PATH: env.PATH ?? '/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    ...spec.environment,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: 'local',
    // Or the SDK would read the developer's own profile.
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`,
    AWS_DEFAULT_REGION: region,
    AWS_REGION: region,
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: '1',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memory_mb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: stream,
    ...environment,
    AWS_LAMBDA_RUNTIME_API: address,
    LAMBDA_TASK_ROOT: spec.folder,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: spec.handler,
  };
}

/** Megabytes that a process occupies, where the system tells it in a file; elsewhere only the heap's limit holds. */
function residentMegabytes(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1024 / 1024;
  } catch {
    return 0;
  }
}

/** Passes on what a stream says up to its last line end, so that lines of several processes never mix. */
function passLines(stream: Readable, pass: (lines: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const end = chunk.lastIndexOf('\n') + 1;
    if (end > 0) pass(rest + chunk.slice(0, end));
    rest = end > 0 ? chunk.slice(end) : rest + chunk;
  });
  stream.on('end', () => rest && pass(`${rest}\n`));
}

function lambdaError(errorType: string, errorMessage: string): string {
  return JSON.stringify({ errorType, errorMessage });
}

/** Lambda's line about a sandbox that could not load its function. */
function describeInit(error: string, milliseconds: number): string {
  const { errorType } = JSON.parse(error) as { errorType?: string };
  return `INIT_REPORT Init Duration: ${milliseconds.toFixed(2)} ms\tPhase: init\tStatus: error\tError Type: Runtime.${String(errorType).replace(/^Runtime\./, '')}`;
}

/** Starts a sandbox; it calls `onReady` when the bundle is loaded, and each time that it could take a next invocation. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { spec } = options;
  let current: { id: string; settle: (verdict: Outcome['verdict'], payload: string) => void } | undefined;
  let initError: string | undefined;
  let reason: string | undefined;
  let tail = '';
  let loaded = false;
  const started = performance.now();
  const stream = `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[1]${randomUUID().replaceAll('-', '')}`;

  const api: RuntimeApi = await openRuntimeApi({
    next: () => {
      loaded = true;
      clearTimeout(initTimer);
      options.onReady();
    },
    answered: (id, payload) => id === current?.id && current.settle('answered', payload),
    failed: (id, payload) => id === current?.id && current.settle('failed', payload),
    initFailed: (payload) => {
      initError = payload;
    },
  });

  const child: ChildProcess = spawn(execPath, [`--max-old-space-size=${Math.floor(spec.memory_mb * 0.9)}`, bootstrap], {
    cwd: spec.folder,
    env: environmentOf(options, api.address, stream),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in the terminal must reach us alone.
    detached: true,
  });
  for (const channel of [child.stdout, child.stderr])
    passLines(channel as Readable, (lines) => {
      tail = (tail + lines).slice(-4096);
      options.output(lines, stream);
    });
  const kill = (why: string) => {
    reason ??= why;
    child.kill('SIGKILL');
  };
  const initTimer = setTimeout(() => kill(`was not loaded after ${initMilliseconds / 1000} s`), initMilliseconds);

  const ended = once(child, 'close').then(
    ([code, signal]) => describeEnd(code === null ? `signal: ${signal}` : `exit status ${code}`),
    (error: Error) => describeEnd(error.message),
  );

  function describeEnd(how: string): void {
    clearTimeout(initTimer);
    api.close();
    const busy = current;
    if (reason !== 'stopped' && (busy || !loaded || reason))
      options.notice(`${spec.name}: its sandbox ${reason ?? `ended (${how})`}`);
    const message = `RequestId: ${busy?.id ?? '-'} Error: Runtime exited with error: ${how}`;
    const error = lambdaError('Runtime.ExitError', message);
    if (busy) options.platform?.(`${message} Runtime.ExitError`, stream);
    if (!loaded && reason !== 'stopped')
      options.platform?.(describeInit(initError ?? error, performance.now() - started), stream);
    busy?.settle('failed', error);
    options.onEnd(loaded ? undefined : (initError ?? error));
  }

  function invoke(payload: string): Promise<Outcome> {
    const id = randomUUID();
    tail = '';
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        const message = `Task timed out after ${spec.timeout_seconds.toFixed(2)} seconds`;
        options.platform?.(`${new Date().toISOString()} ${id} ${message}`, stream);
        current?.settle('timed-out', lambdaError('Sandbox.Timedout', `${new Date().toISOString()} ${id} ${message}`));
        kill(`was stopped: its ${message.toLowerCase()}`);
      }, spec.timeout_seconds * 1000);
      const memory = setInterval(() => {
        const used = residentMegabytes(child.pid ?? 0);
        if (used > spec.memory_mb) kill(`was stopped: it used ${Math.round(used)} MB of the declared ${spec.memory_mb} MB`);
      }, 200);
      current = {
        id,
        settle: (verdict, text) => {
          clearTimeout(deadline);
          clearInterval(memory);
          current = undefined;
          resolve({ verdict, payload: text, tail: () => tail });
        },
      };
      api.deliver({ id, payload, deadline: Date.now() + spec.timeout_seconds * 1000, arn: spec.arn });
    });
  }

  return { pid: child.pid, invoke, kill: () => kill('stopped'), ended };
}
