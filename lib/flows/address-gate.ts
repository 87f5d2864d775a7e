/** Turns blocked addresses away before anything is done with a request, by a list that each sandbox keeps and reads anew beside its requests. */
import { BlockList } from 'node:net';
import type { Gate, HttpRequest } from '../http/request.ts';
import { readAddressRange } from '../protocol/address-range.ts';
import { Refusal } from '../protocol/errors.ts';
import { listBlockedRanges } from '../store/blocks.ts';
import type { Database } from '../store/database.ts';

/** How long a list is good, and how soon one that could not be read is asked for again; milliseconds. */
const age = 30_000;
const retry = 5_000;

function toList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of ranges) {
    const range = readAddressRange(text);
    if (range) list.addSubnet(range.network, range.prefix, range.family);
  }
  return list;
}

/** @param now milliseconds, as `Date.now` */
export function createAddressGate(db: Database, now: () => number): Gate {
  let list: BlockList | undefined;
  let due = 0;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      list = toList(await listBlockedRanges(db));
      due = now() + age;
    } catch (cause) {
      // The list of a moment ago is better than none; without any, the request could not be served either.
      due = now() + retry;
      if (list === undefined) throw cause;
    } finally {
      reading = undefined;
    }
  }

  return {
    open() {
      if (list !== undefined && now() < due) return undefined;
      reading ??= read();
      return list === undefined ? reading : undefined;
    },
    check({ source_ip }: HttpRequest) {
      const range = readAddressRange(source_ip);
      if (range === undefined || !list?.check(range.network, range.family)) return;
      throw new Refusal('access_denied', 'Requests from this address are not served.', {
        detail: `the address ${source_ip} is blocked`,
      });
    },
    close: () => reading,
  };
}
