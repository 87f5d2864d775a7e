/** Tells, while rows are marked, that they are bookkeeping: what holds has been written before. */
import type { Until } from '../store/batches.ts';
import { tellProgress } from '../telemetry.ts';

/** @param until asked as often as it is told */
export const tellMarking =
  (until: Until = () => false): Until =>
  () => {
    tellProgress(() => 'none of it is active any more; its rows are marked');
    return until();
  };
