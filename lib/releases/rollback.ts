/** Goes back to the release before the one that is live, or goes on with a way back that was cut off. */
import { ReleaseFault } from './fault.ts';
import { puttingInPlace } from './put-in-place.ts';

export const rollBack = puttingInPlace(({ releases, live, unfinished }) => {
  if (unfinished) {
    const { to, from } = unfinished;
    const target = releases.find(({ number }) => number === to);
    if (target && from !== null && to < from) return target;
    throw new ReleaseFault(
      'unfinished',
      `the move from release ${from ?? 'of no number'} to ${to} did not end: oauth2ctl release --to ${to} goes on with it` +
        (from === null ? '' : `, --to ${from} takes it back`),
    );
  }
  if (live === undefined)
    throw new ReleaseFault(
      'no_live_release',
      'the aliases stand as no release has them: choose one with oauth2ctl release --to NUMBER',
    );
  const target = releases.findLast(({ number }) => number < live.number);
  if (target === undefined)
    throw new ReleaseFault('nothing_before', `release ${live.number} is the first one: there is none to go back to`);
  return target;
});
