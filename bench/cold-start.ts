/** Measures how long a contender takes from the start of its process to the first token that it issues. */
import { Connection } from './connection.ts';
import type { Contender } from './contenders.ts';
import { median } from './load.ts';
import { readCpuMs, readMemoryMib, start } from './process.ts';
import { post } from './requests.ts';

export interface ColdStart {
  readonly contender: string;
  readonly times: number;
  readonly listening_ms: number;
  readonly first_token_ms: number;
  readonly lowest_first_token_ms: number;
  readonly cpu_ms: number;
  readonly memory_mib: number;
}

interface Sample {
  readonly listening: number;
  readonly token: number;
  readonly cpu: number;
  readonly memory: number;
}

async function once(contender: Contender): Promise<Sample> {
  const started = performance.now();
  const server = await start(contender, contender.program.bundle);
  try {
    const listening = performance.now() - started;
    const connection = new Connection(server.port);
    const form = { grant_type: 'client_credentials', ...contender.parameters('jwt') };
    const { status, body } = await connection.ask(post(contender.paths.token as string, contender.credentials('jwt'), form));
    const token = performance.now() - started;
    connection.close();
    if (status !== 200) throw new Error(`${contender.name}: no first token: ${status} ${body.slice(0, 300)}`);
    return { listening, token, cpu: readCpuMs(server.pid), memory: readMemoryMib(server.pid) };
  } finally {
    await server.stop();
  }
}

/** Starts each contender in turn, so many times. */
export async function measureColdStarts(contenders: readonly Contender[], times: number): Promise<ColdStart[]> {
  const samples = contenders.map((): Sample[] => []);
  for (let time = 0; time < times; time++)
    for (const [at, contender] of contenders.entries()) samples[at]?.push(await once(contender));
  return contenders.map(({ name }, at) => {
    const own = samples[at] ?? [];
    return {
      contender: name,
      times,
      listening_ms: median(own.map(({ listening }) => listening)),
      first_token_ms: median(own.map(({ token }) => token)),
      lowest_first_token_ms: Math.min(...own.map(({ token }) => token)),
      cpu_ms: median(own.map(({ cpu }) => cpu)),
      memory_mib: median(own.map(({ memory }) => memory)),
    };
  });
}
