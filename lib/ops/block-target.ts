/** Reads whom a block is about: a client, an account or a range of addresses. */
import { readAddressRange, shortestPrefix, writeAddressRange } from '../protocol/address-range.ts';
import type { BlockKind } from '../store/blocks.ts';
import { findClient } from '../store/clients.ts';
import { findUserHoldings } from '../store/user-administration.ts';
import { type InputTable, ProcedureFault, text } from './input.ts';
import { noAccount } from './no-account.ts';
import type { Tools } from './procedure.ts';

export interface TargetInput {
  readonly client_id?: string;
  readonly username?: string;
  /** An address, or a range in CIDR notation. */
  readonly address?: string;
}

export interface Target {
  readonly kind: BlockKind;
  /** The client_id, the subject, or the range in CIDR notation. */
  readonly target: string;
  /** As people know it. */
  readonly label: string;
  /** As the audit log knows it. */
  readonly record: string;
  /** Whether it is disabled now; a range never is. */
  readonly disabled: boolean;
}

export const targetTable: InputTable = { client_id: text(200), username: text(200), address: text(60) };

function readRange(address: string): Target {
  const range = readAddressRange(address);
  if (range === undefined)
    throw new ProcedureFault(
      'invalid_input',
      `address is "${address}"; allowed: an IPv4 or IPv6 address or a range such as 203.0.113.0/24 or 2001:db8::/32`,
    );
  const shortest = shortestPrefix[range.family];
  if (range.prefix < shortest)
    throw new ProcedureFault(
      'invalid_input',
      `address is "${address}"; allowed: ranges of /${shortest} and smaller, because a wider one shuts out a good part of the internet`,
    );
  const target = writeAddressRange(range);
  const label = `the addresses ${target}`;
  return { kind: 'address', target, label, record: label, disabled: false };
}

/** @throws {ProcedureFault} where there is no such client or account, or not exactly one is named */
export async function findTarget({ db, now }: Tools, { client_id, username, address }: TargetInput): Promise<Target> {
  const given = [client_id, username, address].filter((value) => value !== undefined);
  if (given.length !== 1)
    throw new ProcedureFault(
      'invalid_input',
      `${given.length === 0 ? 'nothing says' : 'more than one member says'} whom; allowed: one of client_id, username, address`,
    );
  if (client_id !== undefined) {
    const client = await findClient(db, client_id);
    if (!client)
      throw new ProcedureFault('not_found', `there is no client "${client_id}"; list-clients shows those that there are`);
    const label = `the client ${client_id} "${client.client_name}"`;
    return { kind: 'client', target: client_id, label, record: label, disabled: client.disabled_at !== null };
  }
  if (username !== undefined) {
    const user = await findUserHoldings(db, username.normalize('NFC'), now());
    if (!user) throw noAccount(username);
    const [label, record] = [`the account "${user.username}"`, `the account ${user.subject}`];
    return { kind: 'user', target: user.subject, label, record, disabled: user.disabled_at !== null };
  }
  return readRange(address ?? '');
}
