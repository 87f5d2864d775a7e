/** Calls a procedure's function as the local runtime itself, and turns every way to fail into one line. */
import { LocalFailure } from './failure.ts';
import type { Functions } from './functions.ts';

function messageOf(payload: string): string {
  try {
    const { errorMessage, error, outcome } = JSON.parse(payload) as {
      errorMessage?: string;
      error?: { message?: string };
      outcome?: string;
    };
    return errorMessage ?? error?.message ?? outcome ?? payload;
  } catch {
    return payload;
  }
}

/**
 * Carries out a procedure.
 * @param name the function's full name
 * @throws LocalFailure with the procedure's own words and where its log is
 */
export async function callProcedure(functions: Functions, name: string, logs: string): Promise<void> {
  if (!functions.find(name))
    throw new LocalFailure(`the template has no function ${name}; it has ${functions.names().join(', ')}`);
  const { verdict, payload } = await functions.invoke(name, JSON.stringify({ input: {}, apply: true, actor: 'local' }));
  const answer = verdict === 'answered' ? (JSON.parse(payload) as { outcome?: unknown } | null) : undefined;
  if (verdict === 'answered' && answer?.outcome !== 'failed') return;
  throw new LocalFailure(`${name} failed: ${messageOf(payload)} (its log: ${logs}/${name}.log)`);
}
