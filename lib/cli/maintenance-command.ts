/** The command of maintenance mode. */
import type { Command } from './commands.ts';
import { CliFailure } from './exit-codes.ts';
import { facts } from './present.ts';

export const maintenanceCommand: Command = {
  acts: 'planned',
  options: [
    { flags: '--on', purpose: 'answer what writes with 503 and Retry-After; what only reads goes on' },
    { flags: '--off', purpose: 'serve everything again' },
  ],
  toInput: ({ on, off }) => {
    if (Boolean(on) === Boolean(off)) throw new CliFailure('usage', 'maintenance takes one of --on and --off');
    return { on: on === true };
  },
  show: ({ maintenance, was, ended_connections }) =>
    facts([
      ['maintenance', maintenance],
      ['was', was],
      ['connections ended', ended_connections],
    ]),
  example: 'oauth2ctl maintenance --on --apply --reason "the storage is being replaced"',
};
