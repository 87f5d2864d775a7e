/** Puts the release with a given number in place. */
import { ReleaseFault } from './fault.ts';
import { puttingInPlace } from './put-in-place.ts';

export const putRelease = puttingInPlace(({ releases }, { to }) => {
  const target = releases.find(({ number }) => number === to);
  if (target === undefined)
    throw new ReleaseFault(
      'unknown_release',
      `there is no release ${to}; there are ${releases.map(({ number }) => number).join(', ')}`,
    );
  return target;
});
