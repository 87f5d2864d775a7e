/** Watches folders and says, once they have come to rest, that something in them changed. */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

export interface WatchOptions {
  readonly root: string;
  /** Folders below the root, watched with everything in them. */
  readonly folders: readonly string[];
  /** Whether a change of this path, relative to the root, matters. */
  readonly matters: (path: string) => boolean;
  /** Never called again before its promise is settled; a change in between leads to another call. */
  readonly changed: () => Promise<void>;
  /** Quiet milliseconds after the last change; default 100: an editor writes a file in several steps. */
  readonly quiet_ms?: number;
}

/** @returns what ends the watching */
export function watchFolders({ root, folders, matters, changed, quiet_ms = 100 }: WatchOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;
  let closed = false;

  async function fire(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    await changed();
    running = false;
    if (!again || closed) return;
    again = false;
    await fire();
  }

  const watchers: FSWatcher[] = folders
    .filter((folder) => existsSync(join(root, folder)))
    .map((folder) =>
      watch(join(root, folder), { recursive: true, persistent: false }, (_, file) => {
        if (closed || (file !== null && !matters(join(folder, file)))) return;
        clearTimeout(timer);
        timer = setTimeout(() => void fire(), quiet_ms);
        timer.unref();
      }).on('error', () => {}),
    );
  return () => {
    closed = true;
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
