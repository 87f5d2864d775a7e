/** The rows of the procedure table that the command-line tool carries out itself, with the operator's identity. */
import type { Procedure } from './procedure.ts';

export const toolProcedures = {
  preflight: {
    runs: 'tool',
    needs: [],
    writes: false,
    command: true,
    purpose: 'Check before a deploy that nothing stands in its way',
  },
  verify: {
    runs: 'tool',
    needs: [],
    writes: true,
    command: true,
    purpose: 'Check after a deploy that it serves, with a token of its own',
  },
  doctor: {
    runs: 'tool',
    needs: [],
    writes: false,
    command: true,
    purpose: 'Name the cause why functions do not start or do not answer',
  },
  'access-report': {
    runs: 'tool',
    needs: [],
    writes: false,
    command: true,
    purpose: 'Review who asked for what, and who was refused',
  },
  metrics: {
    runs: 'tool',
    needs: [],
    writes: false,
    command: true,
    purpose: 'Show how the server is used, how fast it is and how often it fails',
  },
  diagnose: {
    runs: 'tool',
    needs: [],
    writes: false,
    command: true,
    purpose: 'Compare a time with the one before it, and say what most likely changed it',
  },
  logs: { runs: 'tool', needs: [], writes: false, command: true, purpose: 'Show, follow, search and export the logs' },
  releases: { runs: 'tool', needs: [], writes: false, command: true, purpose: 'List the releases and which one is live' },
  release: { runs: 'tool', needs: [], writes: true, command: true, purpose: 'Put a release in place: every function at once' },
  incident: {
    runs: 'tool',
    needs: [],
    writes: true,
    command: true,
    purpose: 'Respond to a security incident, phase by phase, and report it',
  },
  'rotate-database-password': {
    runs: 'tool',
    needs: [],
    writes: true,
    command: true,
    purpose: "Replace the database administrator's password now",
  },
  restore: {
    runs: 'tool',
    needs: [],
    writes: true,
    command: true,
    purpose: 'Put the database back as a backup has it',
  },
  destroy: {
    runs: 'tool',
    needs: [],
    writes: true,
    command: true,
    purpose: 'Remove a stage; what was stored stays',
  },
  rollback: { runs: 'tool', needs: [], writes: true, command: true, purpose: 'Go back to the release before' },
} as const satisfies Record<string, Procedure>;
