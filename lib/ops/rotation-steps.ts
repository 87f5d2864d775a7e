/** Lets Secrets Manager itself rotate the signing keys: its four calls, each of which may come again, are the steps of our own rotation. */
import { insertAuditEntry } from '../store/audit-log.ts';
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

/** @throws {Error} where the step cannot be done: Secrets Manager tries again */
export async function serveRotationStep(
  tools: RotationTools & { readonly secret_id: string },
  { Step, SecretId, ClientRequestToken: id }: RotationStep,
): Promise<void> {
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
      if ((await tools.versions.read('AWSPENDING'))?.id === id) return;
      if (!isSettled(current.ring, await listStoredKeys(tools.db))) await settle(tools);
      checkPublishedAhead(current.ring, await listStoredKeys(tools.db), tools.now());
      return storePending(tools, id, current, false);
    }
    case 'setSecret':
      return publishKeys(tools.db, (await readPending(tools, id)).ring, tools.now());
    case 'testSecret':
      return testPending(tools, await readPending(tools, id));
    case 'finishSecret': {
      const pending = await readPending(tools, id);
      // Days may have passed since it was made, and an emergency.
      if (!isSuccessor(pending.ring, current.ring))
        throw new ProcedureFault('conflict', 'the keys were rotated meanwhile; this rotation is out of date');
      await finish(tools, pending, current.id);
      return conclude(tools, id);
    }
    default:
      return Step satisfies never;
  }
}

async function conclude(tools: RotationTools, id: string): Promise<void> {
  await settle(tools);
  const { keys } = await concludeRotation(tools, { emergency: false, finished_earlier: false });
  const detail = keys.map(({ kid, state }) => `${kid} ${state}`).join(', ');
  const plan = { steps: ['rotate the signing keys'] };
  const entry = { actor: 'secretsmanager', procedure: 'rotate-signing-keys', reason: `rotate-secret, version ${id}`, plan };
  await insertAuditEntry(tools.db, { ...entry, outcome: 'succeeded', detail });
  log('info', 'procedure', { procedure: 'rotate-signing-keys', outcome: 'succeeded', actor: 'secretsmanager', detail });
}
