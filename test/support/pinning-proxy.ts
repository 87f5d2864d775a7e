/** Stands before a Postgres and judges, by the rules that AWS documents for RDS Proxy, which statements pin a connection to their client. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Pin {
  readonly why: string;
  /** The beginning of what was sent. */
  readonly statement: string;
}

export interface PinningProxy {
  readonly port: number;
  /** Statements that came through, whoever sent them. */
  statements(): number;
  /** Of the connections that are open now, those that are pinned. */
  pinned(): readonly Pin[];
  stop(): Promise<void>;
}

const longest = 16 * 1024;

const rules: readonly (readonly [RegExp, string])[] = [
  [/^\s*set\s+(?!transaction\b)/i, 'SET'],
  [/^\s*reset\b/i, 'RESET'],
  [/\bset_config\s*\(/i, 'set_config'],
  [/^\s*(prepare|deallocate|execute)\b/i, 'a prepared statement'],
  [/^\s*discard\b/i, 'DISCARD'],
  [/^\s*(un)?listen\b/i, 'LISTEN'],
  [/^\s*load\b/i, 'LOAD'],
  [/^\s*declare\b/i, 'a cursor'],
  [/\bcreate\s+(local\s+|global\s+)?temp(orary)?\b/i, 'a temporary object'],
  [/\b(nextval|setval|currval|lastval)\s*\(/i, 'a sequence'],
  [/\bpg_(try_)?advisory_(?!xact_)\w*lock\w*\s*\(/i, 'a lock of the session'],
];

/** Why the text of a statement pins; undefined where it does not. */
export function whyPinned(text: string): string | undefined {
  if (Buffer.byteLength(text) > longest) return 'a statement of more than 16 KiB';
  return rules.find(([form]) => form.test(text))?.[1];
}

/** Reads the messages of one client, however they are cut, and tells each that carries a statement: its name, where it has one, and its text. */
function readMessages(tell: (name: string, text: string) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let started = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      // The first message has no type: what the session is to be.
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return;
      const type = started ? String.fromCharCode(rest[0] as number) : '';
      const body = rest.subarray(head + 4, end);
      rest = rest.subarray(end);
      started = true;
      const [first = '', second = ''] = body.toString('utf8').split('\0');
      if (type === 'Q') tell('', first);
      if (type === 'P') tell(first, second);
    }
  };
}

/** @param port of the Postgres on this machine, which asks for no encryption */
export async function openPinningProxy(port: number): Promise<PinningProxy> {
  const open = new Map<Socket, Pin | undefined>();
  let statements = 0;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    open.set(client, undefined);
    const end = () => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end);
    const read = readMessages((name, text) => {
      statements += 1;
      const why = name === '' ? whyPinned(text) : 'a named prepared statement';
      if (why !== undefined && open.has(client)) open.set(client, { why, statement: text.trim().slice(0, 200) });
    });
    client.on('data', read);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    statements: () => statements,
    pinned: () => [...open.values()].filter((pin) => pin !== undefined),
    stop: async () => {
      for (const client of open.keys()) client.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
