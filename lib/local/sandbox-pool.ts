/** The sandboxes of one function: started when needed, few at a time, the rest of the invocations waiting in line. */
import { type FunctionSpec, type Outcome, type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

export interface PoolOptions extends Pick<SandboxOptions, 'environment' | 'output' | 'platform' | 'notice'> {
  readonly spec: FunctionSpec;
  /** Most sandboxes at a time; default 6. */
  readonly limit?: number;
  /** A sandbox without work is stopped after so many milliseconds; default five minutes. */
  readonly idle_ms?: number;
  /** An invocation that waited so many milliseconds for a sandbox is given up; default 30 s, as long as the gateway waits. */
  readonly wait_ms?: number;
}

export interface SandboxPool {
  readonly spec: FunctionSpec;
  invoke(payload: string): Promise<Outcome>;
  /** Lets what runs or waits finish, then ends every sandbox. */
  drain(): Promise<void>;
  /** Ends every sandbox at once. */
  stop(): Promise<void>;
  /** Process ids, for those who look. */
  pids(): number[];
}

interface Waiting {
  readonly payload: string;
  readonly settle: (outcome: Outcome) => void;
}

interface Member {
  /** `coming`: it loads, or has answered and will ask for more in a moment. */
  state: 'coming' | 'idle' | 'busy';
  sandbox?: Sandbox;
  idleTimer?: NodeJS.Timeout;
}

function outcome(verdict: Outcome['verdict'], payload: string): Outcome {
  return { verdict, payload, tail: () => '' };
}

const throttled = outcome(
  'throttled',
  JSON.stringify({ Reason: 'CallerRateLimitExceeded', Type: 'User', message: 'Rate Exceeded.' }),
);

export function createSandboxPool(options: PoolOptions): SandboxPool {
  const { spec, limit = 6, idle_ms = 300_000, wait_ms = 30_000 } = options;
  const members = new Set<Member>();
  const line: Waiting[] = [];
  let closed = false;
  let stopped = false;
  let drained: (() => void) | undefined;

  function end(member: Member): void {
    members.delete(member);
    clearTimeout(member.idleTimer);
    if (members.size === 0 && line.length === 0) drained?.();
  }

  function rest(member: Member): void {
    member.state = 'idle';
    const work = line.shift();
    if (work) run(member, work);
    else if (closed) member.sandbox?.kill();
    else {
      member.idleTimer = setTimeout(() => member.sandbox?.kill(), idle_ms);
      member.idleTimer.unref();
    }
  }

  function run(member: Member, work: Waiting): void {
    clearTimeout(member.idleTimer);
    member.state = 'busy';
    void member.sandbox?.invoke(work.payload).then((result) => {
      member.state = 'coming';
      work.settle(result);
    });
  }

  function start(): void {
    const member: Member = { state: 'coming' };
    members.add(member);
    let readyEarly = false;
    startSandbox({
      spec,
      environment: options.environment,
      output: options.output,
      platform: options.platform,
      notice: options.notice,
      onReady: () => {
        if (member.sandbox) rest(member);
        else readyEarly = true;
      },
      onEnd: (initError) => {
        end(member);
        if (initError !== undefined) line.shift()?.settle(outcome('failed', initError));
        staff();
      },
    }).then(
      (sandbox) => {
        member.sandbox = sandbox;
        if (stopped) sandbox.kill();
        else if (readyEarly) rest(member);
      },
      (error: Error) => {
        end(member);
        options.notice(`${spec.name}: no sandbox could be started: ${error.message}`);
        line.shift()?.settle(outcome('failed', JSON.stringify({ errorType: 'Runtime.StartError', errorMessage: error.message })));
        staff();
      },
    );
  }

  /** Gives the line to idle sandboxes, then starts as many as it needs and the limit allows. */
  function staff(): void {
    for (const member of members) {
      if (line.length === 0) return;
      if (member.state === 'idle') run(member, line.shift() as Waiting);
    }
    const coming = [...members].filter((member) => member.state === 'coming').length;
    const wanted = Math.min(line.length - coming, limit - members.size);
    for (let count = 0; count < wanted; count++) start();
  }

  return {
    spec,
    invoke: (payload) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          const at = line.indexOf(work);
          if (at >= 0) line.splice(at, 1)[0]?.settle(throttled);
        }, wait_ms);
        const work: Waiting = {
          payload,
          settle: (result) => {
            clearTimeout(timer);
            resolve(result);
          },
        };
        line.push(work);
        staff();
      }),
    async drain() {
      closed = true;
      for (const member of members) if (member.state === 'idle') member.sandbox?.kill();
      if (members.size > 0 || line.length > 0) await new Promise<void>((done) => (drained = done));
    },
    async stop() {
      closed = true;
      stopped = true;
      for (const work of line.splice(0)) work.settle(throttled);
      const all = [...members];
      for (const member of all) member.sandbox?.kill();
      await Promise.all(all.map((member) => member.sandbox?.ended));
    },
    pids: () => [...members].flatMap((member) => member.sandbox?.pid ?? []),
  };
}
