/** Does to the running database what its report asks for and no migration can: ends a session or a statement, vacuums a table, rebuilds an index. */
import type { Database } from '../store/database.ts';
import {
  type CareOfIndex,
  type CareOfTable,
  endSession,
  type FoundSession,
  findIndex,
  findSession,
  findTable,
  listTableNames,
  rebuildIndex,
  vacuumTable,
} from '../store/database-care.ts';
import { matching, onOff, ProcedureFault, wholeNumber } from './input.ts';
import type { Plan, ProcedureDefinition, Tools } from './procedure.ts';
import { mebibytes } from './wording.ts';

export interface MendInput {
  /** Number of a process. */
  readonly end_session?: number;
  readonly cancel_statement?: number;
  /** Name of a table. */
  readonly vacuum?: string;
  readonly freeze?: boolean;
  /** Name of an index. */
  readonly rebuild_index?: string;
}

export interface MendTools extends Tools {
  /** With time for a statement that takes minutes. */
  readonly db: Database;
}

interface MendFacts {
  readonly session?: FoundSession | undefined;
  readonly table?: CareOfTable;
  readonly index?: CareOfIndex;
}

export interface Mended {
  readonly did: 'ended the session' | 'cancelled the statement' | 'vacuumed' | 'rebuilt' | 'dropped' | 'nothing';
  /** Process, table or index. */
  readonly what: string;
  readonly dead_rows_before?: number;
  readonly dead_rows?: number;
  readonly bytes_before?: number;
  readonly bytes?: number;
  /** What keeps it from being as good as it could. */
  readonly note?: string;
}

const choices = ['end_session', 'cancel_statement', 'vacuum', 'rebuild_index'] as const;

const name = (what: string) => matching(/^[a-z_][a-z0-9_]{0,62}$/, `the name of ${what}, as database-report shows it`);

const processOf = ({ end_session, cancel_statement }: MendInput) => end_session ?? cancel_statement;

/** @throws {ProcedureFault} for a session that is not ours to end */
function checkSession({ pid, role, kind, own, endable }: FoundSession): void {
  const refuse = (why: string) => new ProcedureFault('not_to_be_ended', `process ${pid} ${why}`);
  if (own) throw refuse('is this very command');
  if (kind !== 'client backend')
    throw refuse(`is no client but Postgres's own ${kind}: it ends by itself, or when the session that waits for it is ended`);
  if (!endable) throw refuse(`is of ${role}, whose sessions this command may not end: only roles of the server`);
}

async function look({ db }: MendTools, input: MendInput): Promise<MendFacts> {
  if (choices.filter((one) => input[one] !== undefined).length !== 1)
    throw new ProcedureFault('invalid_input', `one of ${choices.join(', ')} is wanted`);
  if (input.freeze && input.vacuum === undefined) throw new ProcedureFault('invalid_input', 'freeze goes with vacuum alone');
  const pid = processOf(input);
  if (pid !== undefined) {
    const session = await findSession(db, pid);
    if (session) checkSession(session);
    return { session };
  }
  if (input.vacuum !== undefined) {
    const table = await findTable(db, input.vacuum);
    if (table) return { table };
    throw new ProcedureFault(
      'no_such_table',
      `there is no table ${input.vacuum}; there are ${(await listTableNames(db)).join(', ')}`,
    );
  }
  const index = await findIndex(db, input.rebuild_index ?? '');
  if (index) return { index };
  throw new ProcedureFault(
    'no_such_index',
    `there is no index ${input.rebuild_index}: oauth2ctl database-report shows those that there are`,
  );
}

function plan(input: MendInput, { session, table, index }: MendFacts): Plan {
  if (table)
    return {
      steps: [
        `vacuum ${table.name}${input.freeze ? ' and freeze its rows' : ''}, and count it anew for the planner: ${mebibytes(table.bytes)}, ${table.dead_rows} dead rows beside ${table.live_rows} live ones`,
        'requests go on: nobody waits for it; it reads the table from the disk',
      ],
    };
  if (index?.is_leftover) return { steps: [`drop ${index.name}, which a rebuild that was cut off has left`] };
  if (index)
    return {
      steps: [
        ...index.leftovers.map((one) => `drop ${one}, which a rebuild that was cut off has left`),
        `build ${index.name} of ${index.table} anew beside itself, and put it in its place: ${mebibytes(index.bytes)}${index.is_valid ? '' : ', not built to its end'}`,
        'requests go on; it waits for transactions that are open, and takes as much room again until it is done',
      ],
    };
  if (!session) return { steps: [`nothing: there is no process ${processOf(input)} any more`] };
  const { pid, role, state, seconds, statement, waiting } = session;
  const doing = `${role}, ${state ?? 'unknown'} for ${Math.round(seconds)} s, ${waiting} waiting for it: ${statement ?? 'not ours to see'}`;
  return {
    steps: [
      input.end_session === undefined
        ? `cancel what process ${pid} is doing (${doing})`
        : `end the session of process ${pid} (${doing})`,
      'its open transaction is rolled back; whoever waited for it answers an error that may be retried, and the next request opens a session again',
    ],
  };
}

async function endIt({ db }: MendTools, input: MendInput, session: FoundSession | undefined): Promise<Mended> {
  const what = `process ${processOf(input)}`;
  const kind = input.end_session === undefined ? 'statement' : 'session';
  const found = session ? await endSession(db, session, kind) : 'gone';
  if (found === 'gone') return { did: 'nothing', what, note: 'it had ended by itself' };
  if (found === 'goes on')
    throw new ProcedureFault(
      'goes_on',
      `${what} was told to stop and still runs: it stops at its next interruption point; look again with oauth2ctl database-report`,
      false,
    );
  return { did: kind === 'session' ? 'ended the session' : 'cancelled the statement', what };
}

async function vacuumIt({ db }: MendTools, before: CareOfTable, freeze: boolean): Promise<Mended> {
  await vacuumTable(db, before.name, freeze);
  const after = (await findTable(db, before.name)) ?? before;
  const stays = after.dead_rows > before.live_rows / 5 && after.dead_rows >= 1000;
  return {
    did: 'vacuumed',
    what: before.name,
    dead_rows_before: before.dead_rows,
    dead_rows: after.dead_rows,
    bytes_before: before.bytes,
    bytes: after.bytes,
    ...(stays && { note: 'dead rows stay: a transaction that is open may still see them; oauth2ctl database-report names it' }),
  };
}

async function rebuildIt({ db }: MendTools, before: CareOfIndex): Promise<Mended> {
  await rebuildIndex(db, before);
  if (before.is_leftover) return { did: 'dropped', what: before.name, bytes_before: before.bytes, bytes: 0 };
  const after = await findIndex(db, before.name);
  if (!after?.is_valid)
    throw new ProcedureFault(
      'not_built',
      `${before.name} was not built to its end: run it again, it removes what is left and begins anew`,
      false,
    );
  return { did: 'rebuilt', what: before.name, bytes_before: before.bytes, bytes: after.bytes };
}

export const mendDatabase: ProcedureDefinition<MendTools, MendInput, MendFacts, Mended> = {
  name: 'mend-database',
  asks_reason: true,
  input: {
    end_session: wholeNumber(1, 2 ** 31 - 1),
    cancel_statement: wholeNumber(1, 2 ** 31 - 1),
    vacuum: name('a table'),
    freeze: onOff,
    rebuild_index: name('an index'),
  },
  look,
  plan,
  apply(tools, input, { session, table, index }) {
    if (table) return vacuumIt(tools, table, input.freeze === true);
    return index ? rebuildIt(tools, index) : endIt(tools, input, session);
  },
  describe: ({ did, what, note }) => `${did}: ${what}${note === undefined ? '' : `, ${note}`}`,
  next: () => ['oauth2ctl database-report'],
};
