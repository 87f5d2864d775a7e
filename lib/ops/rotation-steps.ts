/** Lets Secrets Manager itself rotate the signing keys: its four calls, each of which may come again, are the steps of our own rotation. */
import type { RingVersion } from '../keys/ring-versions.ts';
import { findBeginning, insertAuditEntry } from '../store/audit-log.ts';
import { listStoredKeys, publishKeys } from '../store/signing-key-administration.ts';
import { log } from '../telemetry.ts';
import { isObject, ProcedureFault } from './input.ts';
import {
  checkPublishedAhead,
  concludeRotation,
  finish,
  isSettled,
  isSuccessor,
  type RotationTools,
  readCurrent,
  readPending,
  settle,
  storePending,
  testPending,
} from './key-rotation.ts';
import { publishOutcome } from './procedure.ts';

const steps = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** What Secrets Manager sends. */
export interface RotationStep {
  readonly Step: (typeof steps)[number];
  readonly SecretId: string;
  /** Id of the new version. */
  readonly ClientRequestToken: string;
}

/** Whether an event is one of Secrets Manager's calls. */
export function isRotationStep(event: unknown): event is RotationStep {
  if (!isObject(event) || typeof event.SecretId !== 'string' || typeof event.ClientRequestToken !== 'string') return false;
  return (steps as readonly unknown[]).includes(event.Step);
}

type StepTools = RotationTools & { readonly secret_id: string };

/** As for the schedule: that somebody else has just rotated is no failure of the procedure, though Secrets Manager has to try again. */
const harmless = ['too_early', 'conflict'];

/** @throws {Error} where the step cannot be done: Secrets Manager tries again */
export async function serveRotationStep(tools: StepTools, step: RotationStep): Promise<void> {
  try {
    await takeStep(tools, step);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const fails = !(cause instanceof ProcedureFault && harmless.includes(cause.code));
    if (fails) publishOutcome('rotate-signing-keys', 'failed');
    const about = { procedure: 'rotate-signing-keys', outcome: 'failed', actor: 'secretsmanager' };
    log(fails ? 'error' : 'warn', 'procedure', { ...about, detail: `${step.Step}: ${detail}` });
    throw cause;
  }
}

async function takeStep(tools: StepTools, { Step, SecretId, ClientRequestToken: id }: RotationStep): Promise<void> {
  if (SecretId !== tools.secret_id)
    throw new ProcedureFault('invalid_input', `the secret is ${SecretId}; allowed: ${tools.secret_id}`);
  const current = await readCurrent(tools);
  if (current.id === id) {
    // All was done before, but the table may not have been told.
    if (Step === 'finishSecret') await conclude(tools, id);
    return;
  }
  switch (Step) {
    case 'createSecret': {
      const pending = await tools.versions.read('AWSPENDING');
      if (pending?.id === id) return checkUpToDate(tools, pending, current);
      if (!isSettled(current.ring, await listStoredKeys(tools.db))) await settle(tools);
      checkPublishedAhead(current.ring, await listStoredKeys(tools.db), tools.now());
      await begin(tools, id);
      return storePending(tools, id, current, false);
    }
    case 'setSecret':
      return publishKeys(tools.db, (await readPending(tools, id)).ring, tools.now());
    case 'testSecret': {
      // When a schedule is set, Secrets Manager tries this step alone, with a version that holds nothing of ours: then it is the keys
      // of now that have to be readable and published. A rotation itself cannot end so, as its last step wants a pending ring.
      const pending = await tools.versions.read('AWSPENDING');
      return testPending(tools, pending && pending.id !== current.id ? await readPending(tools, id) : current);
    }
    case 'finishSecret': {
      const pending = await readPending(tools, id);
      await checkUpToDate(tools, pending, current);
      await finish(tools, pending, current.id);
      return conclude(tools, id);
    }
    default:
      return Step satisfies never;
  }
}

/**
 * Days may have passed since a pending ring was made, and an emergency. One that comes too late is given up: as long as it is pending,
 * Secrets Manager begins no other rotation.
 */
async function checkUpToDate({ versions }: RotationTools, pending: RingVersion, current: RingVersion): Promise<void> {
  if (isSuccessor(pending.ring, current.ring)) return;
  await versions.discard(pending.id);
  throw new ProcedureFault('conflict', 'the keys were rotated meanwhile; this rotation is out of date');
}

const entryOf = (id: string) => ({
  actor: 'secretsmanager',
  procedure: 'rotate-signing-keys',
  reason: `rotate-secret, version ${id}`,
  plan: { steps: ['rotate the signing keys'] },
});

const beginningOf = ({ db }: RotationTools, id: string) => findBeginning(db, 'rotate-signing-keys', entryOf(id).reason);

/** Leaves an entry before anything is done; once, though the step may come again. */
async function begin(tools: RotationTools, id: string): Promise<void> {
  if ((await beginningOf(tools, id)) !== undefined) return;
  await insertAuditEntry(tools.db, { ...entryOf(id), outcome: 'begun', detail: null });
}

async function conclude(tools: RotationTools, id: string): Promise<void> {
  await settle(tools);
  const { keys } = await concludeRotation(tools, { emergency: false, finished_earlier: false });
  const detail = keys.map(({ kid, state }) => `${kid} ${state}`).join(', ');
  await insertAuditEntry(tools.db, { ...entryOf(id), outcome: 'succeeded', detail }, await beginningOf(tools, id));
  publishOutcome('rotate-signing-keys', 'succeeded');
  log('info', 'procedure', { procedure: 'rotate-signing-keys', outcome: 'succeeded', actor: 'secretsmanager', detail });
}
