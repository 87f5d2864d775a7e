/** Reads what was measured in a span of time: sums by route and status, the same step by step, and what operators did meanwhile. */
import { type AuditedAct, listAudited } from '../store/incidents.ts';
import { findNewestCount, type StepSum, sumSteps, sumWindow, type WindowSum } from '../store/metric-windows.ts';
import { instant, onOff, ProcedureFault, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface ReadMetricsInput {
  /** ISO 8601. */
  readonly from: string;
  /** Default: now. */
  readonly to?: string;
  /** How many parts the time is shown in; default 30. No part is shorter than a minute. */
  readonly steps?: number;
  /** With the audit log of the time. */
  readonly acts?: boolean;
}

export interface MeasuredWindow {
  /** A whole minute. */
  readonly from: Date;
  readonly to: Date;
  readonly step_seconds: number;
  /** Of the newest line that was added up. */
  readonly counted_to: Date | null;
  readonly sums: readonly WindowSum[];
  readonly steps: readonly StepSum[];
  readonly acts: readonly AuditedAct[];
  /** Whether only the newest of these are here. */
  readonly shortened: boolean;
}

const minuteMs = 60_000;
/** The minutes of a longer time are too many for one answer. */
const longestMs = 400 * 86_400_000;

export const readMetrics: ProcedureDefinition<Tools, ReadMetricsInput, null, MeasuredWindow> = {
  name: 'read-metrics',
  input: { from: { ...instant, required: true }, to: instant, steps: wholeNumber(1, 120), acts: onOff },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now }, { from: first, to: last, steps = 30, acts = false }) {
    const from = new Date(Math.floor(Date.parse(first) / minuteMs) * minuteMs);
    const to = last === undefined ? now() : new Date(last);
    const span = to.getTime() - from.getTime();
    if (span <= 0 || span > longestMs)
      throw new ProcedureFault('invalid_input', `from ${first} to ${to.toISOString()} is empty or longer than 400 days`);
    const step_seconds = 60 * Math.max(1, Math.ceil(span / minuteMs / steps));
    return {
      from,
      to,
      step_seconds,
      counted_to: await findNewestCount(db),
      sums: await sumWindow(db, from, to),
      steps: await sumSteps(db, from, to, step_seconds),
      ...(acts ? await listAudited(db, from, to) : { acts: [], shortened: false }),
    };
  },
};
