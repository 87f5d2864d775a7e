/** Adds up what the functions published in their logs, each line once however often it is delivered. */
import { digest } from '../protocol/digest.ts';
import { addPoints, type Batch, findCounted, lockStream, numberOf } from '../store/metrics.ts';
import { inTransaction } from '../store/transaction.ts';
import { addUp, type LoggedLine } from './embedded-metrics.ts';
import { isObject, listOf } from './input.ts';
import type { LogBatch } from './log-deliveries.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface Aggregated {
  readonly lines: number;
  /** Lines that had been added up before. */
  readonly repeated: number;
  /** Rows that were written, of the minutes. */
  readonly points: number;
}

const isBatch = (value: unknown): boolean =>
  isObject(value) && typeof value.group === 'string' && typeof value.stream === 'string' && Array.isArray(value.lines);

function describeBatch({ group, stream, lines }: LogBatch): Batch {
  const times = lines.map(({ timestamp }) => timestamp);
  return {
    stream: digest(`${group} ${stream}`).subarray(0, 16),
    first_at: new Date(Math.min(...times)),
    last_at: new Date(Math.max(...times)),
    lines: lines.map(({ id }) => numberOf(id)),
  };
}

async function takeBatch(tools: Tools, given: LogBatch): Promise<Aggregated> {
  if (given.lines.length === 0) return { lines: 0, repeated: 0, points: 0 };
  const whole = describeBatch(given);
  return inTransaction(tools.db, 'aggregate-metrics', async (db) => {
    await lockStream(db, whole.stream);
    const counted = await findCounted(db, whole);
    const isNew = (_: unknown, index: number) => !counted.has(whole.lines[index] ?? '');
    const lines: LoggedLine[] = given.lines.filter(isNew);
    const points = addUp(lines);
    if (lines.length > 0) await addPoints(db, { ...whole, lines: whole.lines.filter(isNew) }, points);
    return { lines: lines.length, repeated: given.lines.length - lines.length, points: points.length };
  });
}

export const aggregateMetrics: ProcedureDefinition<Tools, { readonly batches: readonly LogBatch[] }, null, Aggregated> = {
  name: 'aggregate-metrics',
  input: { batches: listOf(isBatch, 100, 'batches of log lines') },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply(tools, { batches }) {
    const done: Aggregated[] = [];
    for (const batch of batches) done.push(await takeBatch(tools, batch));
    const sum = (name: keyof Aggregated) => done.reduce((total, one) => total + one[name], 0);
    return { lines: sum('lines'), repeated: sum('repeated'), points: sum('points') };
  },
};
