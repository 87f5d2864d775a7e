/** Makes the embedded Postgres again as it was at an instant, beside the one that serves: from a copy of its files and the log that it writes, as RDS does. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { give, type Server, startServer } from './postgres-server.ts';
import { chooseRunner } from './unprivileged.ts';

export interface PointInTime {
  /** Since when the database can be made again; undefined where there is no copy, or the log no longer reaches back to it. */
  findEarliest(): Date | undefined;
  /** Takes a copy where there is none to go on from. */
  prepare(): Promise<void>;
  /** Starts a server with the database as it was. @param to not before the earliest instant */
  rewind(identifier: string, to: Date): Promise<Server>;
  /** Ends a server that was started so, and removes its files. */
  remove(identifier: string): Promise<void>;
  /** Ends all of them. */
  close(): Promise<void>;
}

export interface PointInTimeOptions {
  /** Folder of the database that serves; copies are kept beside its files. */
  readonly folder: string;
  /** Connection URL of the superuser, as it is now. */
  url(): string;
}

/** What is known of a copy. */
interface Base {
  /** ISO 8601. */
  readonly at: string;
  /** First file of the log that is needed to go on from it. */
  readonly first_log: string;
}

/** Folders whose contents belong to a running server alone (PostgreSQL 17 documentation, 25.3.4). */
const ownFolders = /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)$/;
const ownFiles = /^(postmaster\.(pid|opts)|pg_internal\.init|pgsql_tmp.*)$/;

/** Files may vanish while they are copied: the log tells of that as well. */
function copyFile(from: string, to: string): void {
  try {
    copyFileSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

interface Copying {
  /** Folders whose contents are left out. */
  readonly leaves?: (name: string) => boolean;
  readonly signal: AbortSignal;
}

/** Gives way with each folder, as requests are served meanwhile. */
async function copyTree(from: string, to: string, { leaves, signal }: Copying): Promise<void> {
  signal.throwIfAborted();
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (leaves?.(entry.name)) mkdirSync(target, { mode: 0o700 });
      else await copyTree(source, target, { signal });
    } else if (!ownFiles.test(entry.name)) copyFile(source, target);
  }
  await pause(0);
}

const isLog = (name: string) => /^[0-9A-F]{24}$|\.history$/.test(name);

export function openPointInTime({ folder, url }: PointInTimeOptions): PointInTime {
  const [data, base] = [join(folder, 'data'), join(folder, 'base')];
  const note = join(base, 'base.json');
  const servers = new Map<string, Server>();
  const closing = new AbortController();
  const { signal } = closing;
  let copying: Promise<void> = Promise.resolve();
  const folderOf = (identifier: string) => join(folder, 'rewound', identifier);
  rmSync(join(folder, 'rewound'), { recursive: true, force: true });

  const readBase = (): Base | undefined => {
    if (!existsSync(note)) return undefined;
    const found = JSON.parse(readFileSync(note, 'utf8')) as Base;
    return existsSync(join(data, 'pg_wal', found.first_log)) ? found : undefined;
  };

  const connect = () => postgres(url(), { max: 1, fetch_types: false, onnotice: () => {} });

  async function takeBase(): Promise<void> {
    const fresh = `${base}.new`;
    rmSync(fresh, { recursive: true, force: true });
    const sql = connect();
    // A checkpoint may take a minute on a busy disk: whoever stops waits for none.
    const leave = () => void sql.end({ timeout: 0 });
    signal.addEventListener('abort', leave);
    try {
      signal.throwIfAborted();
      const [begun] = await sql<{ first_log: string }[]>`select pg_walfile_name(pg_backup_start('copy', true)) as first_log`;
      await copyTree(data, join(fresh, 'data'), { leaves: (name) => ownFolders.test(name), signal });
      const [ended] = await sql<{ label: string; at: Date }[]>`
        select (pg_backup_stop(false)).labelfile as label, clock_timestamp() as at`;
      writeFileSync(join(fresh, 'data/backup_label'), ended?.label ?? '', { mode: 0o600 });
      const made: Base = { at: (ended?.at ?? new Date()).toISOString(), first_log: begun?.first_log ?? '' };
      writeFileSync(join(fresh, 'base.json'), JSON.stringify(made));
    } finally {
      signal.removeEventListener('abort', leave);
      await sql.end({ timeout: 0 });
    }
    rmSync(base, { recursive: true, force: true });
    renameSync(fresh, base);
  }

  /** The log up to now, with a change at its end: what is replayed has to find one that is later than its goal. */
  async function copyLog(first: string, to: string): Promise<void> {
    const sql = connect();
    try {
      await sql`select set_config('default_transaction_read_only', 'off', false), set_config('synchronous_commit', 'on', false)`;
      await sql`select pg_logical_emit_message(true, 'oauth2', 'point in time')`;
    } finally {
      await sql.end();
    }
    const names = readdirSync(join(data, 'pg_wal')).filter(isLog).toSorted();
    for (const name of names)
      if (name >= first || name.endsWith('.history')) copyFile(join(data, 'pg_wal', name), join(to, name));
  }

  async function remove(identifier: string): Promise<void> {
    await servers.get(identifier)?.stop();
    servers.delete(identifier);
    rmSync(folderOf(identifier), { recursive: true, force: true });
  }

  return {
    findEarliest: () => {
      const found = readBase();
      return found && new Date(found.at);
    },
    prepare() {
      copying = copying.then(async () => {
        if (readBase()) return;
        await takeBase().catch((error: Error) => {
          if (!signal.aborted) throw error;
        });
      });
      return copying;
    },
    async rewind(identifier, to) {
      const from = readBase();
      if (!from) throw new Error('there is no copy to go on from');
      await remove(identifier);
      const own = folderOf(identifier);
      await copyTree(join(base, 'data'), join(own, 'data'), { signal });
      await copyLog(from.first_log, join(own, 'data/pg_wal'));
      writeFileSync(join(own, 'data/recovery.signal'), '', { mode: 0o600 });
      const runner = chooseRunner(data);
      give(own, runner);
      const server = await startServer({
        folder: own,
        fast: true,
        parameters: {
          // All of the log is there already.
          restore_command: 'false',
          recovery_target_time: to.toISOString().replace('T', ' ').replace('Z', '+00'),
          recovery_target_action: 'promote',
          hot_standby: 'off',
          shared_buffers: '64MB',
        },
      });
      servers.set(identifier, server);
      return server;
    },
    remove,
    async close() {
      closing.abort();
      await copying.catch(() => {});
      for (const identifier of [...servers.keys()]) await remove(identifier);
    },
  };
}
