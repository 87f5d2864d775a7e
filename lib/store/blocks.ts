/** Questions about blocks: which ranges are shut out now, and what an operator adds, lists and lifts. */
import type { Database } from './database.ts';
import { aboutClient, aboutUser, andRecord, type EventSource } from './event-recording.ts';

export type BlockKind = 'client' | 'user' | 'address';

export interface Block {
  readonly kind: BlockKind;
  /** The client_id, the subject, or the range in CIDR notation. */
  readonly target: string;
  readonly blocked_at: Date;
  readonly expires_at: Date | null;
  readonly reason: string;
  /** Whether it was disabled before the block. */
  readonly was_disabled: boolean;
}

export interface ListedBlock extends Block {
  /** Name of the client or of the account; null for ranges, and where it was deleted. */
  readonly name: string | null;
}

/**
 * The ranges that are blocked now, in CIDR notation. It is asked beside a request's own question, so it has a parameter: only a statement with
 * one is parsed before it is carried out, by which a connection that has gone silent is noticed early.
 */
export async function listBlockedRanges(db: Database): Promise<string[]> {
  const kind: BlockKind = 'address';
  const rows = await db.ask<{ target: string }>(
    'list-blocked-ranges',
    db.sql`select target from blocks where kind = ${kind} and (expires_at is null or expires_at > now())`,
  );
  return rows.map(({ target }) => target);
}

export async function findBlock(db: Database, kind: BlockKind, target: string): Promise<Block | undefined> {
  const rows = await db.ask<Block>(
    'find-block',
    db.sql`
      select kind, target, blocked_at, expires_at, reason, was_disabled from blocks where kind = ${kind} and target = ${target}`,
  );
  return rows[0];
}

/** Blocks, the newest first. @param after the last one that is known, to go on behind it */
export async function listBlocks(
  db: Database,
  limit: number,
  after?: Pick<Block, 'kind' | 'target' | 'blocked_at'>,
): Promise<ListedBlock[]> {
  const { sql } = db;
  return db.ask<ListedBlock>(
    'list-blocks',
    sql`
      select b.kind, b.target, b.blocked_at, b.expires_at, b.reason, b.was_disabled, coalesce(c.client_name, u.username) as name
      from blocks b
      left join clients c on b.kind = 'client' and c.client_id = b.target
      left join users u on b.kind = 'user' and u.subject::text = b.target
      where ${after ? sql`b.blocked_at <= ${after.blocked_at} and (b.blocked_at < ${after.blocked_at} or (b.kind, b.target) > (${after.kind}, ${after.target}))` : sql`true`}
      order by b.blocked_at desc, b.kind, b.target
      limit ${limit}`,
  );
}

/** `clients/…`, `users/…` or `addresses/…`. */
const aboutTarget = ({ sql }: Database): ReturnType<Database['sql']> =>
  sql`kind || case kind when 'address' then 'es/' else 's/' end || target`;

/** Adds a block or gives the one that is there a new end and reason. */
export async function putBlock(db: Database, block: Block): Promise<void> {
  await db.ask(
    'put-block',
    db.sql`
      with blocked as (
        insert into blocks (kind, target, blocked_at, expires_at, reason, was_disabled)
        values (${block.kind}, ${block.target}, ${block.blocked_at}, ${block.expires_at}, ${block.reason}, ${block.was_disabled})
        on conflict (kind, target) do update set blocked_at = excluded.blocked_at, expires_at = excluded.expires_at, reason = excluded.reason
        returning kind, target, expires_at, was_disabled
      ) ${andRecord(db, block.blocked_at, {
        type: 'access_blocked',
        from: 'blocked',
        subject: aboutTarget(db),
        data: db.sql`'kind', kind, 'target', target, 'expires_at', expires_at, 'was_disabled', was_disabled`,
      })}
      select 1 from blocked`,
  );
}

/** Blocks whose time is over. */
export async function listOverdueBlocks(db: Database, now: Date): Promise<Block[]> {
  return db.ask<Block>(
    'list-overdue-blocks',
    db.sql`
      select kind, target, blocked_at, expires_at, reason, was_disabled from blocks
      where expires_at <= ${now} order by expires_at limit 1000`,
  );
}

/**
 * Lifts a block in one statement. What was issued before stays revoked: a watermark is drawn where somebody comes back.
 * @param enable whether the client or the account is enabled again
 * @returns whether there was something to lift
 */
export async function liftBlock(
  db: Database,
  { kind, target }: Pick<Block, 'kind' | 'target'>,
  enable: boolean,
  now: Date,
): Promise<boolean> {
  const { sql } = db;
  const change = sql`disabled_at = null, updated_at = ${now}, tokens_not_before = greatest(tokens_not_before, ${now})`;
  const enabled =
    kind === 'client'
      ? sql`update clients set ${change} where client_id = ${target} and disabled_at is not null and ${enable} returning client_id as id`
      : kind === 'user'
        ? sql`update users set ${change} where subject::text = ${target} and disabled_at is not null and ${enable} returning subject::text as id`
        : sql`select '' as id where false`;
  const events: Record<'client' | 'user', EventSource> = {
    client: { type: 'client_enabled', from: 'enabled', subject: aboutClient(db, sql`id`), data: sql`'client_id', id` },
    user: { type: 'user_enabled', from: 'enabled', subject: aboutUser(db, sql`id`), data: sql`'user_id', id` },
  };
  const told = andRecord(db, now, ...(kind === 'address' ? [] : [events[kind]]), {
    type: 'access_unblocked',
    from: 'lifted',
    subject: aboutTarget(db),
    data: sql`'kind', kind, 'target', target`,
  });
  const rows = await db.ask<{ changed: boolean }>(
    'lift-block',
    sql`
      with enabled as (${enabled}), lifted as (delete from blocks where kind = ${kind} and target = ${target} returning kind, target) ${told}
      select exists (select from enabled) or exists (select from lifted) as changed`,
  );
  return rows[0]?.changed ?? false;
}
