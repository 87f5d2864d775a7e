/** The command that purges now what the schedule purges every hour. */
import type { Command } from './commands.ts';
import { facts } from './present.ts';

export const purgeCommand: Command = {
  acts: 'planned',
  options: [],
  toInput: () => ({}),
  // What is left is no failure: the next run goes on.
  isWell: ({ finished }) => finished === true,
  show: ({ created_partitions, dropped_partitions, kept_partitions, retired_keys, deleted, finished }) =>
    facts([
      ['partitions created', created_partitions],
      ['partitions dropped', dropped_partitions],
      ['partitions kept, their lock never came', kept_partitions],
      ['signing keys withdrawn', retired_keys],
      ...Object.entries(deleted as Record<string, number>)
        .filter(([, rows]) => rows > 0)
        .map(([table, rows]) => [`rows deleted from ${table}`, rows] as const),
      ['nothing expired is left', finished],
    ]),
  example: 'oauth2ctl purge-expired --apply --reason "the schedule failed for days"',
};
