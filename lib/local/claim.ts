/** Takes the folder and the port of an instance, or says in one line who has them. */
import { once } from 'node:events';
import { LocalFailure } from './failure.ts';
import type { Gateway } from './gateway.ts';
import { type FolderLock, lockFolder } from './lock.ts';
import { readRuntimeFile } from './runtime-file.ts';

/** @throws LocalFailure where another process runs on the folder */
export function takeFolder(folder: string): FolderLock {
  const lock = lockFolder(folder);
  if (typeof lock !== 'number') return lock;
  const running = readRuntimeFile(folder);
  const where = running?.pid === lock ? ` and serves ${running.issuer}` : '';
  throw new LocalFailure(
    `process ${lock} runs on ${folder} already${where}: stop it, or choose another folder with OAUTH2_DATA_DIR`,
  );
}

/** @returns the port that was taken @throws LocalFailure where it cannot be */
export async function listen(gateway: Gateway, port: number): Promise<number> {
  try {
    gateway.listen(port, '127.0.0.1');
    await once(gateway, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why =
      code === 'EADDRINUSE' ? 'is taken by another program: stop that one' : 'may not be used by this user: start as one who may';
    throw new LocalFailure(
      `port ${port} of 127.0.0.1 ${why}, or choose another port, such as PORT=${port + 1 || 8081} npm start`,
    );
  }
  return (gateway.address() as { port: number }).port;
}
