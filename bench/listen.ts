/** Listens on a free loopback port, tells the port to the measuring process, and ends when that one is gone. */
import type { Server } from 'node:http';
import { Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';

/** What a measured process sends once it serves. */
export interface Listening {
  readonly port: number;
}

/** What it is told: to watch where its time goes, and to say where it went. */
export type Order = 'start profile' | 'stop profile';

async function obey(order: Order, session: Session): Promise<void> {
  if (order === 'start profile') {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 250 });
    await session.post('Profiler.start');
    process.send?.({ started: true });
  } else process.send?.(await session.post('Profiler.stop'));
}

export function listen(server: Server): void {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port } satisfies Listening));
  const session = new Session();
  process.on('message', (order: Order) => void obey(order, session));
  process.on('disconnect', () => process.exit(0));
}
