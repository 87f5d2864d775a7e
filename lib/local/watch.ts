/** Watches folders and says, once they have come to rest, that something in them changed. */
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
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

  async function fire(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    await changed();
    running = false;
    if (!again || tree.closed) return;
    again = false;
    await fire();
  }

  const tree = watchTree(root, (path) => {
    if (!matters(path)) return;
    clearTimeout(timer);
    timer = setTimeout(() => void fire(), quiet_ms);
    timer.unref();
  });
  for (const folder of folders) tree.add(folder);
  return () => {
    clearTimeout(timer);
    tree.close();
  };
}

interface Tree {
  readonly closed: boolean;
  /** Watches the folder, where there is one, and all below it. */
  add(folder: string): void;
  close(): void;
}

/**
 * One watcher for each folder. Node's own recursive watch has one for each file on Linux and loses sight of a file that is
 * replaced by renaming another one over it, which is how many editors save.
 */
function watchTree(root: string, saw: (path: string) => void): Tree {
  const watchers = new Map<string, FSWatcher>();
  let closed = false;

  function follow(folder: string): string[] {
    const watcher = watch(join(root, folder), { persistent: false }, (event, name) => {
      if (closed || name === null) return;
      const path = join(folder, name);
      saw(path);
      if (event === 'rename') for (const file of anew(path)) saw(file);
    });
    watchers.set(
      folder,
      watcher.on('error', () => {}),
    );
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? anew(path) : [path];
    });
  }

  /** Follows what came, went or was replaced at this path. @returns the files in it, where it is a folder */
  function anew(path: string): string[] {
    for (const [folder, watcher] of watchers)
      if (folder === path || folder.startsWith(join(path, '/'))) {
        watcher.close();
        watchers.delete(folder);
      }
    try {
      return statSync(join(root, path)).isDirectory() ? follow(path) : [];
    } catch {
      return []; // It went, or went again.
    }
  }

  return {
    get closed() {
      return closed;
    },
    add: anew,
    close: () => {
      closed = true;
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
