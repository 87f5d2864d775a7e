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

type Statement = Parameters<Database['ask']>[1];

const textOf = (value: unknown): string | null => (value === undefined || value === null ? null : String(value));

/** What an event ends, apart from token families; undefined where that is nothing. */
function endOf({ sql }: Database, { type, time, data }: ReplayedEvent): [table: string, statement: Statement] | undefined {
  const at = new Date(time);
  const [client, user, session, jti, before, kind, target] = [
    'client_id',
    'user_id',
    'session_id',
    'jti',
    'issued_before',
    'kind',
    'target',
  ].map((name) => textOf(data[name]));
  // Who comes back brings nothing along that was issued before.
  const able = (disabled: boolean) =>
    disabled
      ? sql`disabled_at = ${at}::timestamptz, updated_at = ${at}::timestamptz`
      : sql`disabled_at = null, updated_at = ${at}::timestamptz, tokens_not_before = greatest(tokens_not_before, ${at}::timestamptz)`;
  switch (type) {
    case 'token_revoked': {
      if (before === null)
        return jti === null
          ? undefined
          : [
              'access_tokens',
              sql`
                update access_tokens set revoked_at = ${at} where jti = ${jti ?? null}::uuid and revoked_at is null
                  and expires_at = coalesce(${textOf(data.expires_at)}::timestamptz, expires_at) returning 1`,
            ];
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
    case 'user_logout':
      return [
        'sessions',
        sql`update sessions set ended_at = ${at} where session_id = ${session ?? null}::uuid and ended_at is null returning 1`,
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

/** Events name a family by a digest of its id, so that each row has to be asked for it: once for all of them. */
async function endFamilies({ ask, sql }: Database, events: readonly ReplayedEvent[]): Promise<number> {
  const over = events.flatMap(({ type, time, data }) =>
    endsFamily.has(type) && typeof data.family === 'string' ? [{ family: data.family, time, reason: textOf(data.reason) }] : [],
  );
  if (over.length === 0) return 0;
  const rows = await ask(
    'replay-families',
    sql`
      update token_families f set revoked_at = r.time, revoked_because = coalesce(r.reason, 'reused'), successor_sealed = null
      from jsonb_to_recordset(${JSON.stringify(over)}::text::jsonb) as r (family text, time timestamptz, reason text)
      where left(encode(sha256(uuid_send(f.family_id)), 'hex'), 32) = r.family and f.revoked_at is null returning 1`,
  );
  return rows.length;
}

/** @param db the restored database, as its owner @param events in their order @returns how many rows changed, by their table */
export async function replayEvents(db: Database, events: readonly ReplayedEvent[]): Promise<Record<string, number>> {
  const changed: Record<string, number> = { token_families: await endFamilies(db, events) };
  for (const event of events) {
    const [table, statement] = endOf(db, event) ?? [];
    if (table === undefined || statement === undefined) continue;
    changed[table] = (changed[table] ?? 0) + (await db.ask(`replay-${table}`, statement)).length;
  }
  return changed;
}
