/** Ends in a restored database what events since its backup tell to be over. */
import type { EventType } from '../event-types.ts';
import { dummyHash } from '../protocol/password.ts';
import type { Database } from './database.ts';

/** An event as the trail keeps it. */
export interface ReplayedEvent {
  readonly type: EventType;
  /** Instant of the change, ISO 8601. */
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events by the page, few enough to be held together; those of which the order matters come last, in theirs. */
export type ReplayedPages = AsyncIterableIterator<readonly ReplayedEvent[]>;

type Statement = Parameters<Database['ask']>[1];

const textOf = (value: unknown): string | null => (value === undefined || value === null ? null : String(value));

/** What an event ends of which there are few; undefined where that is nothing. */
function endOf({ sql }: Database, { type, time, data }: ReplayedEvent): [table: string, statement: Statement] | undefined {
  const at = new Date(time);
  const [client, user, before, kind, target] = ['client_id', 'user_id', 'issued_before', 'kind', 'target'].map((name) =>
    textOf(data[name]),
  );
  // Who comes back brings nothing along that was issued before.
  const able = (disabled: boolean) =>
    disabled
      ? sql`disabled_at = ${at}::timestamptz, updated_at = ${at}::timestamptz`
      : sql`disabled_at = null, updated_at = ${at}::timestamptz, tokens_not_before = greatest(tokens_not_before, ${at}::timestamptz)`;
  switch (type) {
    case 'token_revoked': {
      if (before === null) return undefined;
      const mark = sql`tokens_not_before = greatest(tokens_not_before, ${before ?? null}::timestamptz)`;
      if (client !== null) return ['watermarks', sql`update clients set ${mark} where client_id = ${client ?? null} returning 1`];
      if (user !== null) return ['watermarks', sql`update users set ${mark} where subject = ${user ?? null}::uuid returning 1`];
      // Of everybody; sign-ins end along with it where it says so, and where it does not say.
      const signIns = data.sessions === false ? null : before;
      return [
        'watermarks',
        sql`update revocation_watermark set ${mark}, sessions_not_before = greatest(sessions_not_before, ${signIns ?? null}::timestamptz) returning 1`,
      ];
    }
    case 'client_disabled':
    case 'client_deleted':
      return [
        'clients',
        sql`update clients set ${able(true)} where client_id = ${client ?? null} and disabled_at is null returning 1`,
      ];
    case 'client_enabled':
      return [
        'clients',
        sql`update clients set ${able(false)} where client_id = ${client ?? null} and disabled_at is not null returning 1`,
      ];
    case 'user_disabled':
      return [
        'users',
        sql`update users set ${able(true)} where subject = ${user ?? null}::uuid and disabled_at is null returning 1`,
      ];
    case 'user_enabled':
      return [
        'users',
        sql`update users set ${able(false)} where subject = ${user ?? null}::uuid and disabled_at is not null returning 1`,
      ];
    case 'user_password_changed':
      // The backup has the one of before, which may be the one that leaked; a row that is of the change, or of a later one, has the right one.
      return [
        'users',
        sql`
          update users set password_hash = ${dummyHash}, password_changed_at = ${at}::timestamptz, updated_at = ${at}::timestamptz,
            tokens_not_before = greatest(tokens_not_before, ${at}::timestamptz)
          where subject = ${user ?? null}::uuid and password_changed_at < ${at}::timestamptz returning 1`,
      ];
    case 'user_deleted':
      // A block of it would stand for good: nobody could name whom it is about.
      return [
        'users',
        sql`
          with unblocked as (delete from blocks where kind = 'user' and target = ${user ?? null})
          delete from users where subject = ${user ?? null}::uuid returning 1`,
      ];
    case 'access_blocked':
      return [
        'blocks',
        sql`
          insert into blocks (kind, target, blocked_at, expires_at, reason, was_disabled)
          values (${kind ?? null}, ${target ?? null}, ${at}, ${textOf(data.expires_at)}::text::timestamptz, 'blocked before the restore', ${data.was_disabled === true})
          on conflict (kind, target) do update set blocked_at = excluded.blocked_at, expires_at = excluded.expires_at
          where blocks.blocked_at < excluded.blocked_at returning 1`,
      ];
    case 'access_unblocked':
      return [
        'blocks',
        sql`delete from blocks where kind = ${kind ?? null} and target = ${target ?? null} and blocked_at <= ${at} returning 1`,
      ];
    case 'signing_keys_rotated': {
      if (data.withdrawn !== true) return undefined;
      const good = [data.active, data.pending].flat().map(String);
      return [
        'signing_keys',
        sql`
          update signing_keys set state = 'retired', retires_at = ${at}
          where state <> 'retired' and created_at < ${at} and kid <> all (${sql.typed.texts(good)}) returning 1`,
      ];
    }
    default:
      return undefined;
  }
}

const endsFamily = new Set<EventType>(['token_revoked', 'refresh_token_reused', 'authorization_code_reused']);

/** Notes families that are over: events name one by a digest of its id, so that each row has to be asked for it, once for all of them. */
async function noteFamilies({ ask, sql }: Database, page: readonly ReplayedEvent[]): Promise<void> {
  const over = page.flatMap(({ type, time, data }) =>
    endsFamily.has(type) && typeof data.family === 'string' ? [{ family: data.family, time, reason: textOf(data.reason) }] : [],
  );
  if (over.length === 0) return;
  await ask(
    'note-families',
    sql`
      insert into families_over select distinct on (family) family, time, reason
      from jsonb_to_recordset(${JSON.stringify(over)}::text::jsonb) as r (family text, time timestamptz, reason text)
      order by family, time on conflict do nothing`,
  );
}

async function endFamilies({ ask, sql }: Database): Promise<number> {
  const rows = await ask(
    'replay-families',
    sql`
      update token_families f set revoked_at = r.time, revoked_because = coalesce(r.reason, 'reused'), successor_sealed = null
      from families_over as r
      where left(encode(sha256(uuid_send(f.family_id)), 'hex'), 32) = r.family and f.revoked_at is null returning 1`,
  );
  return rows.length;
}

async function endSessions({ ask, sql }: Database, page: readonly ReplayedEvent[]): Promise<number> {
  const over = page.flatMap(({ type, time, data }) => (type === 'user_logout' ? [{ id: textOf(data.session_id), time }] : []));
  if (over.length === 0) return 0;
  const rows = await ask(
    'replay-sessions',
    sql`
      update sessions s set ended_at = r.time from jsonb_to_recordset(${JSON.stringify(over)}::text::jsonb) as r (id uuid, time timestamptz)
      where s.session_id = r.id and s.ended_at is null returning 1`,
  );
  return rows.length;
}

async function endTokens({ ask, sql }: Database, page: readonly ReplayedEvent[]): Promise<number> {
  const over = page.flatMap(({ type, time, data }) =>
    type === 'token_revoked' && typeof data.jti === 'string' && textOf(data.issued_before) === null
      ? [{ jti: data.jti, time, expires_at: textOf(data.expires_at) }]
      : [],
  );
  // Where an event does not say when its token expires, every partition is asked.
  const [known, unknown] = [over.filter((one) => one.expires_at !== null), over.filter((one) => one.expires_at === null)];
  let ended = 0;
  for (const [list, found] of [
    [known, sql`t.expires_at = r.expires_at and t.jti = r.jti`],
    [unknown, sql`t.jti = r.jti`],
  ] as const) {
    if (list.length === 0) continue;
    const rows = await ask(
      'replay-access_tokens',
      sql`
        update access_tokens t set revoked_at = r.time
        from jsonb_to_recordset(${JSON.stringify(list)}::text::jsonb) as r (jti uuid, time timestamptz, expires_at timestamptz)
        where ${found} and t.revoked_at is null returning 1`,
    );
    ended += rows.length;
  }
  return ended;
}

/** @param db the restored database, as its owner @param signal gives it up @returns how many rows changed, by their table */
export async function replayEvents(db: Database, pages: ReplayedPages, signal: AbortSignal): Promise<Record<string, number>> {
  const changed: Record<string, number> = {};
  const add = (table: string, rows: number) => {
    changed[table] = (changed[table] ?? 0) + rows;
  };
  // Of this connection alone, and gone with it.
  await db.ask('drop-families-over', db.sql`drop table if exists pg_temp.families_over`);
  await db.ask(
    'begin-families-over',
    db.sql`create temporary table families_over (family text primary key, time timestamptz, reason text)`,
  );
  for await (const page of pages) {
    signal.throwIfAborted();
    await noteFamilies(db, page);
    add('sessions', await endSessions(db, page));
    add('access_tokens', await endTokens(db, page));
    for (const event of page) {
      const [table, statement] = endOf(db, event) ?? [];
      if (table !== undefined && statement !== undefined) add(table, (await db.ask(`replay-${table}`, statement)).length);
    }
  }
  await db.ask('analyze-families-over', db.sql`analyze families_over`);
  add('token_families', await endFamilies(db));
  await db.ask('drop-families-over', db.sql`drop table families_over`);
  return changed;
}
