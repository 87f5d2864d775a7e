/** One step of a restore, as the state machine calls them: each may be run again, and each failure leads to the step that takes everything back. */
import { reasonOf } from '../restore-states.ts';
import { type Counts, countEverything, findSchemaState } from '../store/status.ts';
import { findUsersWithoutPassword } from '../store/user-administration.ts';
import { backupIdForm } from './backup-manifest.ts';
import { catchUp, endWhatWasRevoked, type Revoked, type Trail } from './end-what-was-revoked.ts';
import { instant, isObject, matching, ProcedureFault } from './input.ts';
import { findManifest, type Loaded, loadBackup, type RestoreTools, withDatabase } from './load-backup.ts';
import { switchMaintenance } from './maintenance.ts';
import type { ProcedureDefinition } from './procedure.ts';
import type { TrailReader } from './read-trail.ts';
import { dropLeftovers, namesOf, noteUnsaved, type RestoreNames, swapDatabases, takeBack } from './swap-databases.ts';
import { readAsWritten } from './verify-backup.ts';

export const restoreSteps = ['check', 'go-without', 'load', 'revoke', 'swap', 'finish', 'take-back'] as const;
export type RestoreStep = (typeof restoreSteps)[number];

/** What tells restores apart: it is a part of names of databases. */
export const runForm = /^[a-z0-9]{1,24}$/;

export interface RestoreStepTools extends RestoreTools {
  /** Name of the database that serves. */
  readonly live: string;
  /** What happened, from outside of the database. */
  readonly trail: TrailReader;
  /** Another limit than that of the function, milliseconds. */
  readonly limit_ms?: number;
}

export interface RestoreStepInput {
  readonly step: RestoreStep;
  readonly run: string;
  readonly backup_id: string;
  /** When somebody may have ended something last, by the logs; a trail that reaches further is complete. ISO 8601. */
  readonly last_write?: string;
  /** With what the safety backup failed, as Lambda tells it: JSON text. */
  readonly cause?: string;
  /** What became of the safety backup. */
  readonly safety?: { readonly unsaved?: string };
}

export interface StepDone {
  readonly step: RestoreStep;
  readonly backup_id: string;
  readonly seconds: number;
  readonly loaded?: Loaded & { readonly taken_at: string };
  readonly revoked?: Revoked;
  readonly restored?: Counts & {
    readonly schema_version: string;
    /** Accounts whose password was changed since, and is known nowhere. */
    readonly without_password: { readonly accounts: number; readonly first: readonly string[] };
  };
  /** The database that served before, which is kept. */
  readonly kept?: string;
  /** Why there is no safety backup of it. */
  readonly unsaved?: string;
}

/** A step gives up before its function is stopped, so that somebody is told why; seconds. */
const limitSeconds = 840;

/** Accounts that an answer names: an execution of the state machine has room for 256 KiB. */
const mostNamed = 100;

type Facts = Omit<StepDone, 'step' | 'backup_id' | 'seconds'>;
type Work = (tools: RestoreStepTools, names: RestoreNames, input: RestoreStepInput) => Promise<Facts>;

/** Gives up what is asked of two databases page by page. @throws {ProcedureFault} where the time is over */
async function inTime<T>(
  { limit_ms = limitSeconds * 1000 }: RestoreStepTools,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(limit_ms);
  // Also in the middle of a statement: nobody is told anything once the function is stopped.
  const late = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  try {
    return await Promise.race([work(signal), late]);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new ProcedureFault('too_slow', `ending what was revoked took longer than ${limit_ms / 1000} s`, false);
  }
}

/** What the trail tells since a backup, and whether that is all. */
async function readTrail(
  { trail }: RestoreStepTools,
  lineage: string | undefined,
  since: Date,
  lastWrite: string | undefined,
): Promise<Trail> {
  const head = lineage === undefined ? undefined : await trail.readHead(lineage);
  const begins = head?.complete_from !== undefined && Date.parse(head.complete_from) <= since.getTime();
  if (!head?.complete_to || !begins || lastWrite === undefined || Date.parse(head.complete_to) < Date.parse(lastWrite))
    return { complete: false, events: head && trail.readSince(since), sequence: head?.sequence };
  return { complete: true, events: trail.readSince(since), sequence: head.sequence };
}

const works: Readonly<Record<RestoreStep, Work>> = {
  async check(tools, _names, { backup_id }) {
    await readAsWritten(tools, await findManifest(tools, backup_id), AbortSignal.timeout(limitSeconds * 1000));
    return {};
  },
  async 'go-without'(tools, { live, former }, { cause }) {
    await tools.db.ask('does-it-answer', tools.db.sql`select`);
    // A note of Postgres has no NUL character.
    const unsaved = reasonOf(cause).replaceAll('\0', '').slice(0, 500);
    // At once, and at the name that it has now: a restore that is cut off leaves it too.
    await noteUnsaved(tools, live, unsaved);
    return { unsaved, kept: former };
  },
  async load(tools, { live, fresh }, { backup_id }) {
    const manifest = await findManifest(tools, backup_id);
    await dropLeftovers(tools, live);
    const loaded = await loadBackup(tools, manifest, fresh, AbortSignal.timeout(limitSeconds * 1000));
    return { loaded: { ...loaded, taken_at: manifest.taken_at } };
  },
  async revoke(tools, { live, fresh }, { backup_id, last_write }) {
    const taken_at = new Date((await findManifest(tools, backup_id)).taken_at);
    const ask = (lineage: string | undefined) => readTrail(tools, lineage, taken_at, last_write);
    const revoked = await inTime(tools, (signal) =>
      withDatabase(tools, fresh, (restored) =>
        withDatabase(tools, live, (serving) => endWhatWasRevoked(restored, serving, taken_at, ask, tools.now(), signal)),
      ),
    );
    return { revoked };
  },
  async swap(tools, names) {
    await swapDatabases(tools, names);
    return { kept: names.former };
  },
  async finish(tools, { live, former }, { safety }) {
    const { unsaved } = safety ?? {};
    await noteUnsaved(tools, former, unsaved);
    const restored = await withDatabase(tools, live, async (db) => {
      await inTime(tools, (signal) => withDatabase(tools, former, (before) => catchUp(db, before, signal)));
      const schema = await findSchemaState(db);
      if (!schema) throw new ProcedureFault('verification_failed', `${live} has no schema`, false);
      const counts = await countEverything(db, tools.now());
      const without_password = await findUsersWithoutPassword(db, mostNamed);
      await switchMaintenance(db, false);
      return { ...counts, schema_version: schema.version, without_password };
    });
    return { restored, kept: former, ...(unsaved !== undefined && { unsaved }) };
  },
  async 'take-back'(tools, names) {
    const { maintenance } = await takeBack(tools, names);
    if (maintenance) await withDatabase(tools, names.live, (db) => switchMaintenance(db, false));
    return {};
  },
};

const planned: Readonly<Record<RestoreStep, (names: RestoreNames, backupId: string) => string>> = {
  check: (_names, backupId) => `read ${backupId}, and see that it is what was written and that this release knows its schema`,
  'go-without': ({ live, former }) =>
    `see that ${live} answers, of which there is no safety backup; it will be kept as ${former}`,
  load: ({ fresh }, backupId) =>
    `load ${backupId} into ${fresh}, compare every table with the manifest and bring the schema up to date`,
  revoke: ({ fresh }) => `end in ${fresh} what was revoked since the backup`,
  swap: ({ live, fresh, former }) => `rename ${live} to ${former} and ${fresh} to ${live}`,
  finish: ({ live }) => `count what ${live} has, and leave maintenance mode`,
  'take-back': ({ live, fresh }) =>
    `let the database serve again that was ${live} before, drop ${fresh}, and leave maintenance mode`,
};

export const restoreStep: ProcedureDefinition<RestoreStepTools, RestoreStepInput, null, StepDone> = {
  name: 'restore-step',
  asks_reason: true,
  acts_without_log: true,
  input: {
    step: {
      accepts: (value) => (restoreSteps as readonly unknown[]).includes(value),
      allowed: restoreSteps.join(', '),
      required: true,
    },
    run: matching(runForm, '1 to 24 small letters and digits', { required: true }),
    backup_id: matching(backupIdForm, 'the id of a backup, as list-backups shows it', { required: true }),
    last_write: instant,
    cause: { accepts: (value) => typeof value === 'string', allowed: 'a text' },
    safety: { accepts: isObject, allowed: 'a JSON object' },
  },
  look: async () => null,
  plan: ({ step, run, backup_id }) => ({ steps: [planned[step](namesOf('the database', run), backup_id)] }),
  async apply(tools, input) {
    const { step, run, backup_id } = input;
    const started = performance.now();
    const facts = await works[step](tools, namesOf(tools.live, run), input);
    return { step, backup_id, seconds: Math.round(performance.now() - started) / 1000, ...facts };
  },
  describe: ({ step, backup_id, revoked, unsaved, kept }) =>
    [
      `${step} of ${backup_id}`,
      ...(revoked ? [revoked.source] : []),
      ...(unsaved === undefined ? [] : [`no safety backup: ${unsaved}; the database of before is kept as ${kept}`]),
    ].join(': '),
};
