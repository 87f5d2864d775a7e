/** What each phase of an incident does, as steps: evidence first, then shutting out, replacing and revoking, then the way back. */
import { ReleaseFault } from '../releases/fault.ts';
import { putRelease } from '../releases/release.ts';
import { listStageReleases } from '../releases/releases.ts';
import type { ToolContext } from '../releases/tool.ts';
import { verifyStage } from '../releases/verify.ts';
import { demand, type RecordedStep, type Step } from './record.ts';
import { rotateDatabasePassword } from './rotate-database-password.ts';

export interface PhaseInput {
  readonly client_id?: string;
  readonly username?: string;
  readonly address?: string;
  /** How long a block lasts. */
  readonly seconds?: number;
  readonly maintenance?: boolean;
  readonly keys?: boolean;
  readonly database_password?: boolean;
  readonly all_tokens?: boolean;
  /** Number of a release. */
  readonly release?: number;
  readonly lift_blocks?: boolean;
  readonly close?: boolean;
}

type Targets = Pick<PhaseInput, 'client_id' | 'username' | 'address'>;

const targetsOf = ({ client_id, username, address }: Targets): Targets[] => [
  ...(client_id === undefined ? [] : [{ client_id }]),
  ...(username === undefined ? [] : [{ username }]),
  ...(address === undefined ? [] : [{ address }]),
];
const nameOf = (target: Targets) => Object.values(target).join('');

const nothing = (options: string) => new ReleaseFault('nothing_to_do', `nothing says what to do; allowed: ${options}`);

/** Before anything is changed: how the stage stands. */
export function evidence(context: ToolContext, reason: string): Step[] {
  return [
    {
      key: 'evidence',
      // Kept later it would show what this incident itself has changed.
      once: true,
      says: 'keep how the stage stands: status with counts, key ids and the last procedures; blocks; releases',
      async run() {
        const status = demand(await context.call('status', {}, reason));
        const { blocks, next_after } = demand(await context.call('list-blocks', { limit: 500 }, reason));
        const releases = demand(await listStageReleases(context, { input: {}, apply: false }));
        return { status, blocks, ...(next_after !== undefined && { blocks_shortened: true }), releases };
      },
    },
  ];
}

export function contain(context: ToolContext, input: PhaseInput, reason: string): Step[] {
  const { seconds, maintenance } = input;
  const steps: Step[] = targetsOf(input).map((target) => ({
    key: `block ${nameOf(target)}`,
    says: `block ${nameOf(target)}${seconds === undefined ? '' : ` for ${seconds} seconds`}, with everything that was issued to it`,
    async run() {
      const order = { ...target, ...(seconds !== undefined && { seconds }), why: reason };
      return { lifted_by: target, ...demand(await context.call('block', order, reason)) };
    },
  }));
  if (maintenance)
    steps.push({
      key: 'maintenance on',
      says: 'turn maintenance mode on: whatever writes is answered 503 with Retry-After',
      run: async () => demand(await context.call('maintenance', { on: true }, reason)),
    });
  if (steps.length === 0) throw nothing('--client, --user, --address, --maintenance');
  return steps;
}

export function eradicate(context: ToolContext, input: PhaseInput, reason: string): Step[] {
  const { keys, database_password, all_tokens, client_id, username } = input;
  const revoke = (what: Record<string, unknown>) => async () => demand(await context.call('revoke-tokens', what, reason));
  const steps: Step[] = [
    ...(database_password
      ? [
          {
            key: 'rotate database password',
            says: "replace the database administrator's password",
            once: true,
            run: async () => demand(await rotateDatabasePassword(context, { input: {}, apply: true, reason })),
          },
        ]
      : []),
    ...(keys && !all_tokens
      ? [
          {
            key: 'rotate signing keys',
            says: 'replace the signing keys and withdraw the old ones at once',
            once: true,
            run: async () => demand(await context.call('rotate-signing-keys', { emergency: true }, reason)),
          },
        ]
      : []),
    ...(all_tokens
      ? [
          {
            key: 'revoke all tokens',
            says: 'revoke every token, end every sign-in, replace the signing keys and withdraw the old ones',
            once: true,
            run: revoke({ all: true }),
          },
        ]
      : []),
    ...targetsOf({ ...(client_id !== undefined && { client_id }), ...(username !== undefined && { username }) }).map(
      (target) => ({
        key: `revoke tokens of ${nameOf(target)}`,
        says: `revoke the tokens of ${nameOf(target)}`,
        run: revoke({ ...target }),
      }),
    ),
  ];
  if (steps.length === 0) throw nothing('--database-password, --keys, --all-tokens, --client, --user');
  return steps;
}

/** Whether maintenance mode was turned on in this incident and not off again since. */
function isInMaintenance(taken: readonly RecordedStep[]): boolean {
  const last = taken.filter(({ step, outcome }) => /^maintenance (on|off)$/.test(step) && outcome !== 'failed').at(-1);
  return last?.step === 'maintenance on';
}

export function recover(context: ToolContext, input: PhaseInput, reason: string, taken: readonly RecordedStep[]): Step[] {
  const { release, lift_blocks, close } = input;
  const blocks = taken.filter(({ step, detail }) => step.startsWith('block ') && detail.lifted_by !== undefined);
  return [
    ...(release === undefined
      ? []
      : [
          {
            key: `put release ${release} in place`,
            says: `put release ${release} in place, every function at once`,
            run: async () => demand(await putRelease(context, { input: { to: release }, apply: true, reason })),
          },
        ]),
    ...(lift_blocks
      ? blocks.map(({ detail }) => ({
          key: `lift ${nameOf(detail.lifted_by)}`,
          says: `let ${nameOf(detail.lifted_by)} in again`,
          run: async () => demand(await context.call('unblock', detail.lifted_by, reason)),
        }))
      : []),
    ...(isInMaintenance(taken)
      ? [
          {
            key: 'maintenance off',
            says: 'turn maintenance mode off',
            run: async () => demand(await context.call('maintenance', { on: false }, reason)),
          },
        ]
      : []),
    {
      key: 'verify',
      says: 'check the stage from outside, with a token of its own, and by its alarms',
      run: async () => demand(await verifyStage(context, { input: {}, apply: true, reason })),
    },
    ...(close ? [{ key: 'close', says: 'close the incident, once the stage was found well', run: async () => ({}) }] : []),
  ];
}
