/** Every function of the template, called by name; a changed template swaps the changed ones and leaves the others warm. */
import type { FunctionSpec, Outcome } from './sandbox.ts';
import { createSandboxPool, type PoolOptions, type SandboxPool } from './sandbox-pool.ts';

export interface FunctionsOptions extends Pick<PoolOptions, 'limit' | 'idle_ms' | 'wait_ms' | 'environment' | 'notice'> {
  readonly specs: readonly FunctionSpec[];
  /** @param stream names the sandbox in the logs */
  readonly output: (name: string, lines: string, stream: string) => void;
  /** Takes what Lambda itself would write into the log of a function. */
  readonly platform?: ((name: string, line: string, stream: string) => void) | undefined;
}

export interface Functions {
  /** The function by name, ARN, or either with a qualifier. */
  find(name: string): FunctionSpec | undefined;
  names(): string[];
  /** @param name a name that `find` knows */
  invoke(name: string, payload: string): Promise<Outcome>;
  /** Puts changed functions in place of the old ones, which finish what they do. @returns the names that changed */
  replace(specs: readonly FunctionSpec[]): string[];
  /** Ends every sandbox, those of replaced functions too, after at most `grace_ms` for what is under way. */
  stop(grace_ms?: number): Promise<void>;
  pids(): number[];
}

/** The plain name in `name`, `name:qualifier`, `account:function:name` or an ARN with or without qualifier. */
function plainName(name: string): string {
  const words = name.split(':');
  const at = words.indexOf('function');
  return (at >= 0 ? words[at + 1] : words[0]) ?? name;
}

export function createFunctions(options: FunctionsOptions): Functions {
  const pools = new Map<string, SandboxPool>();
  const retired = new Set<SandboxPool>();

  function open(spec: FunctionSpec): SandboxPool {
    const output = (lines: string, stream: string) => options.output(spec.name, lines, stream);
    const platform = (line: string, stream: string) => options.platform?.(spec.name, line, stream);
    return createSandboxPool({ ...options, spec, output, platform });
  }

  function retire(pool: SandboxPool): void {
    retired.add(pool);
    void pool.drain().then(() => retired.delete(pool));
  }

  for (const spec of options.specs) pools.set(spec.name, open(spec));
  return {
    find: (name) => pools.get(plainName(name))?.spec,
    names: () => [...pools.keys()],
    invoke(name, payload) {
      const pool = pools.get(plainName(name));
      if (!pool) throw new Error(`no function ${name}; there are ${[...pools.keys()].join(', ')}`);
      return pool.invoke(payload);
    },
    replace(specs) {
      const changed: string[] = [];
      for (const spec of specs) {
        const old = pools.get(spec.name);
        if (old && JSON.stringify(old.spec) === JSON.stringify(spec)) continue;
        changed.push(spec.name);
        pools.set(spec.name, open(spec));
        if (old) retire(old);
      }
      for (const [name, pool] of pools) {
        if (specs.some((spec) => spec.name === name)) continue;
        changed.push(name);
        pools.delete(name);
        retire(pool);
      }
      return changed;
    },
    async stop(grace_ms = 0) {
      const all = [...pools.values(), ...retired];
      if (grace_ms > 0) {
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), grace_ms);
        const over = new Promise<void>((done) => late.signal.addEventListener('abort', () => done()));
        await Promise.race([Promise.all(all.map((pool) => pool.drain())), over]);
        clearTimeout(timer);
      }
      await Promise.all(all.map((pool) => pool.stop()));
    },
    pids: () => [...pools.values(), ...retired].flatMap((pool) => pool.pids()),
  };
}
