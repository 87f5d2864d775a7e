/** A way to a database on which a test can cut connections without a farewell. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Link {
  /** The end at which the asker is, and the one at which the database is. */
  readonly client: Socket;
  readonly server: Socket;
}

export interface Relay {
  readonly port: number;
  readonly links: readonly Link[];
  /** Called after each answer of the database was handed on. */
  watch(look?: (data: Buffer, link: Link) => void): void;
  /** From now on the ends of every connection hear nothing of each other, and neither is told. @param later those that begin from now on too */
  silence(later?: boolean): void;
  close(): void;
}

export async function openRelay({ host, port }: { readonly host: string; readonly port: number }): Promise<Relay> {
  const links: Link[] = [];
  let deaf = false;
  let onAnswer: ((data: Buffer, link: Link) => void) | undefined;
  const relay = createServer((client) => {
    const link = { client, server: connect(port, host) };
    for (const end of [client, link.server]) end.on('error', () => {});
    links.push(link);
    client.on('data', (data) => link.server.write(data));
    link.server.on('data', (data) => {
      client.write(data);
      onAnswer?.(data, link);
    });
    client.on('close', () => link.server.destroy());
    link.server.on('close', () => client.end());
    if (deaf) for (const end of [client, link.server]) end.pause();
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    links,
    watch: (look) => {
      onAnswer = look;
    },
    silence: (later = false) => {
      deaf = later;
      for (const { client, server } of links) for (const end of [client, server]) end.pause();
    },
    close: () => {
      for (const { client, server } of links) for (const end of [client, server]) end.destroy();
      relay.close();
    },
  };
}
