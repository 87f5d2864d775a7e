/** The procedure table: every procedure of an operator or a schedule, one row for each command and Lambda function. */
import { databaseProcedures } from './database-procedures.ts';
import type { Procedure } from './procedure.ts';
import { toolProcedures } from './tool-procedures.ts';

export type { Procedure, ProcedureNeed } from './procedure.ts';

export const procedures = {
  migrate: {
    needs: ['database', 'schema', 'administration'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Bring the database schema up to date',
  },
  'create-signing-keys': {
    needs: ['database', 'signing', 'signing-write'],
    writes: true,
    command: false,
    occasion: 'with every deployment and start',
    seconds: 60,
    purpose: 'Create the signing keys where there are none',
  },
  'rotate-signing-keys': {
    needs: ['database', 'signing', 'signing-write'],
    writes: true,
    command: true,
    schedule: 'rate(30 days)',
    scheduler: 'secrets-manager',
    seconds: 60,
    purpose: 'Rotate the signing keys; in an emergency withdraw the old ones at once',
  },
  'revoke-tokens': {
    needs: ['database', 'signing', 'signing-write'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Revoke tokens: of a client, an account, everybody, or before an instant',
  },
  'create-client': { needs: ['database'], writes: true, command: true, purpose: 'Register a client' },
  'list-clients': { needs: ['database'], writes: false, command: true, purpose: 'List the clients' },
  'disable-client': {
    needs: ['database'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Disable a client and revoke its tokens',
  },
  'create-user': { needs: ['database'], writes: true, command: true, purpose: 'Create an end-user account' },
  'list-users': { needs: ['database'], writes: false, command: true, purpose: 'List the end-user accounts' },
  'disable-user': {
    needs: ['database'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Disable an account, end its sessions and revoke its tokens',
  },
  'set-password': {
    needs: ['database'],
    writes: true,
    command: true,
    purpose: 'Give an account a new password, end its sessions and revoke its tokens',
  },
  'export-user': {
    needs: ['database'],
    // It changes nothing, and has to be on record.
    writes: true,
    command: true,
    // It looks through the events, which are kept by time.
    seconds: 120,
    purpose: 'Hand out everything that is stored of a person',
  },
  'delete-user': {
    needs: ['database'],
    writes: true,
    command: true,
    purpose: 'Delete an account and what is stored of the person',
  },
  'verify-administrator': {
    needs: ['database', 'schema', 'administration'],
    writes: true,
    command: false,
    occasion: 'at the end of `rotate-database-password`',
    purpose: "Sign in with the administrator's password, and fail to with the one before",
  },
  'record-incident': {
    needs: ['database'],
    writes: true,
    command: false,
    occasion: 'with each step of `incident`',
    purpose: 'Record an incident and the steps taken in it',
  },
  'read-incident': {
    needs: ['database'],
    writes: false,
    command: false,
    occasion: 'with each phase of `incident`',
    purpose: 'Read an incident, its steps and the audit log of its time',
  },
  block: {
    needs: ['database'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Shut a client, an account or addresses out for a time',
  },
  unblock: {
    needs: ['database'],
    writes: true,
    command: true,
    schedule: 'rate(15 minutes)',
    purpose: 'Let a client, an account or addresses in again',
  },
  'list-blocks': { needs: ['database'], writes: false, command: true, purpose: 'List what is blocked, why and until when' },
  'audit-log': {
    needs: ['database'],
    writes: false,
    command: true,
    purpose: 'Show who ran which procedure, when, why, and how it ended',
  },
  status: { needs: ['database', 'signing'], writes: false, command: true, purpose: 'Show what runs and whether it is well' },
  ...databaseProcedures,
  'publish-gauges': {
    needs: ['database'],
    writes: false,
    command: false,
    schedule: 'rate(5 minutes)',
    comes_again: true,
    purpose: 'Publish the number of clients and of active tokens',
  },
  'read-metrics': {
    needs: ['database'],
    writes: false,
    command: false,
    occasion: 'with `metrics` and `diagnose`',
    purpose: 'Read what was measured in a span of time',
  },
  'aggregate-metrics': {
    needs: ['database'],
    writes: false,
    command: false,
    occasion: 'with what functions publish in their logs',
    quiet: true,
    comes_again: true,
    purpose: 'Add up what the functions counted and timed',
  },
  'relay-events': {
    needs: ['database', 'events', 'trail-write'],
    writes: false,
    command: false,
    schedule: 'rate(1 minute)',
    comes_again: true,
    seconds: 60,
    purpose: 'Send the events of the outbox to the bus',
  },
  'read-events': {
    needs: ['database'],
    writes: false,
    command: false,
    occasion: 'with `events`',
    purpose: 'Read recorded events',
  },
  'retry-events': {
    needs: ['database'],
    writes: true,
    command: true,
    seconds: 300,
    purpose: 'Send events again: those set aside, or those of a period',
  },
  'collect-logout-notices': {
    needs: ['database'],
    writes: false,
    command: false,
    schedule: 'rate(1 minute)',
    comes_again: true,
    next: 'deliver-logout-tokens',
    purpose: 'Take the logout notices that are due from the outbox',
  },
  'deliver-logout-tokens': {
    // Without the database: what has it is in subnets from which no client can be reached.
    needs: ['signing'],
    writes: false,
    command: false,
    comes_again: true,
    occasion: 'after `collect-logout-notices`',
    next: 'record-logout-deliveries',
    seconds: 60,
    purpose: 'Tell clients that sessions ended (Back-Channel Logout)',
  },
  'record-logout-deliveries': {
    needs: ['database'],
    writes: false,
    command: false,
    comes_again: true,
    occasion: 'after `deliver-logout-tokens`',
    purpose: 'Record which clients were told',
  },
  'record-move': {
    needs: ['database'],
    writes: true,
    command: false,
    occasion: 'when `release` or `rollback` has moved aliases',
    purpose: 'Record in the audit log that another release was put in place',
  },
  'record-destroy': {
    needs: ['database'],
    writes: true,
    command: false,
    occasion: 'when `destroy` begins',
    purpose: 'Record in the audit log that the stage is removed',
  },
  'record-act': {
    needs: ['database'],
    writes: true,
    command: false,
    occasion: 'when `dead-letters` removes some, `try-alarms` raises alarms, or `rotate-database-password` begins',
    purpose: 'Record in the audit log what the tool does with the identity of its caller',
  },
  ...toolProcedures,
} as const satisfies Record<string, Procedure>;

export type ProcedureName = keyof typeof procedures;

/** Procedures that the command-line tool carries out itself. */
export type ToolProcedureName = {
  [Name in ProcedureName]: (typeof procedures)[Name] extends { runs: 'tool' } ? Name : never;
}[ProcedureName];

export type FunctionProcedureName = Exclude<ProcedureName, ToolProcedureName>;

const isTool = (name: ProcedureName): name is ToolProcedureName => (procedures[name] as Procedure).runs === 'tool';

const allNames = Object.keys(procedures) as ProcedureName[];

export const toolProcedureNames = allNames.filter(isTool);

/** Procedures that are a Lambda function each. */
export const procedureNames = allNames.filter((name): name is FunctionProcedureName => !isTool(name));

/** The deployed name of a function, by which the command-line tool and the local runtime find it. */
export function functionName(stage: string, name: string): string {
  return `oauth2-${stage}-${name}`;
}
