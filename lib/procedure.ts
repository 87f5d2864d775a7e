/** What a row of the procedure table says: what it needs, when it runs, and how long it may take. */
import type { Need } from './routes.ts';

/**
 * `signing-write` may create and change the secret that holds the private keys, `schema` owns the tables,
 * `migrations` carries their files without the right to apply them,
 * `administration` may read the database administrator's password, which creates the other roles,
 * `backups` reads their bucket and `backups-write` adds to it, `dump` reads every row from the database itself,
 * `postgres-programs` runs pg_dump or pg_restore, `trail` reads what is kept of events beside the backups and `trail-write` adds to it,
 * `events` may put events to the bus of the stage, `instances` makes and removes instances beside that of the database.
 */
export type ProcedureNeed =
  | Need
  | 'signing-write'
  | 'schema'
  | 'migrations'
  | 'administration'
  | 'backups'
  | 'backups-write'
  | 'dump'
  | 'postgres-programs'
  | 'trail'
  | 'trail-write'
  | 'events'
  | 'instances';

/** One more time at which a procedure runs, with an input of its own. */
export interface FurtherSchedule {
  /** Added to the procedure's name. */
  readonly name: string;
  readonly schedule: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface Procedure {
  readonly needs: readonly ProcedureNeed[];
  /** An EventBridge Scheduler expression; a procedure without one runs only when asked. */
  readonly schedule?: string;
  /** What a scheduled run is given; default: nothing. */
  readonly schedule_input?: Readonly<Record<string, unknown>>;
  readonly further_schedules?: readonly FurtherSchedule[];
  /** Who keeps the schedule: Secrets Manager where a run is the rotation of a secret, by the four calls of its own. Default: EventBridge Scheduler. */
  readonly scheduler?: 'secrets-manager';
  /** Whether it changes state that somebody answers for: such a procedure is audited. */
  readonly writes: boolean;
  /** Whether the command-line tool offers it. */
  readonly command: boolean;
  /** `tool`: in the command-line tool itself, with the operator's identity, so that no function of a release is needed. Default: a function. */
  readonly runs?: 'tool';
  /** The procedure that gets the result of each asynchronous run that succeeded, by the destination of Lambda. */
  readonly next?: string;
  /** When it runs, where neither a schedule nor a command says so. */
  readonly occasion?: string;
  /** It runs with every few requests: one that succeeds leaves neither line nor metric nor trace; one that fails leaves line and metric. */
  readonly quiet?: true;
  /**
   * Within minutes the next run does what this one could not. So a single failure, as while the database changes over, calls nobody and leaves
   * no dead letter: only failures that go on do.
   */
  readonly comes_again?: true;
  /** Longest run in seconds; default 30. */
  readonly seconds?: number;
  /** Memory in MiB, and with it the part of a processor; default 512. */
  readonly memory_mib?: number;
  readonly purpose: string;
}
