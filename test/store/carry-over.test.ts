/** What a restore takes over from the former database, by how often it asks: for what ended since, never for each row that is still good. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readFormerEvents } from '../../lib/store/carry-events.ts';
import { carryOver } from '../../lib/store/carry-over.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { createPartition, dropPartition, partitionName } from '../../lib/store/partitions.ts';
import { replayEvents } from '../../lib/store/replay-events.ts';
import { addFamily, addSession, addToken, addUser } from '../ops/workbench.ts';
import { addClient, inAnHour, openRestoreBench, type RestoreBench } from '../support/restores.ts';

let bench: RestoreBench;
let fresh: Database;
let former: Database;
/** Names of the statements that were asked. */
let asked: string[] = [];
let runs = 0;

before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());
beforeEach(async () => {
  await bench.migrator.sql`truncate events, token_families, access_tokens, sessions restart identity`;
});

/** Makes a copy of the database, as a backup that was loaded, and opens both. */
async function copy() {
  const { fresh: copied, live } = await bench.copy(`carry${runs++}`);
  const { host, port } = bench.database;
  const open = (database: string) =>
    openDatabase(
      { host, port, database, user: 'oauth2_migrator', tls: false, prepare: true, connections: 1, deadline_ms: 60_000 },
      (question) => asked.push(question),
    );
  [fresh, former] = [open(copied), open(live)];
  asked = [];
}
const close = () => Promise.all([fresh.end(), former.end()]);

const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000);
const never = new AbortController().signal;

test('the former database is read once, whatever is still good; only rows that ended since are sent', async () => {
  const live = bench.migrator;
  await createPartition(live, inAnHour());
  const subject = await addUser(live);
  const family = () => addFamily(live, { client_id: 'c', subject });
  const [revoked, rotated, early] = [await family(), await family(), await family()];
  await live.sql`insert into token_families
    select gen_random_uuid(), client_id, subject, session_id, scope, resources, authenticated_at, amr, claims, offline, issued_at, expires_at
    from token_families, generate_series(1, 3000) where family_id = ${revoked}`;
  await live.sql`insert into access_tokens (jti, expires_at, issued_at, client_id)
    select gen_random_uuid(), ${inAnHour()}, now(), 'many' from generate_series(1, 3000)`;
  await addToken(live, { client_id: 'one', expires_at: inAnHour() });
  await addToken(live, { client_id: 'default', expires_at: new Date('2199-01-01T00:00:00Z') });
  const session = await addSession(live, { subject, expires_at: inAnHour() });
  await copy();
  await live.sql`update token_families set revoked_at = now(), revoked_because = 'signed out' where family_id = ${revoked}`;
  await live.sql`update token_families set generation = 1, rotated_at = now() where family_id = ${rotated}`;
  await live.sql`update access_tokens set revoked_at = now() where client_id in ('one', 'default')`;
  await live.sql`update sessions set ended_at = now()`;
  // Of before the instant that counts: the backup would have it.
  await live.sql`update token_families set revoked_at = ${ago(2)} where family_id = ${early}`;

  const { token_families, access_tokens, sessions } = await carryOver(fresh, former, ago(1), never);
  assert.deepEqual([token_families, access_tokens, sessions], [1, 2, 1]);
  const [found] = await fresh.sql`
    select array(select family_id::text from token_families where revoked_at is not null)::text as revoked,
      array(select family_id::text from token_families where generation = 1)::text as rotated,
      array(select client_id from access_tokens where revoked_at is not null order by 1)::text as tokens,
      (select ended_at is not null from sessions where session_id = ${session}) as session`;
  assert.deepEqual({ ...found }, { revoked: `{${revoked}}`, rotated: `{${rotated}}`, tokens: '{default,one}', session: true });
  const count = (question: string) => asked.filter((one) => one === question).length;
  assert.deepEqual(
    ['read-token_families', 'carry-token_families', 'read-sessions', 'read-access_tokens'].map(count),
    [1, 1, 1, 2],
    'one question for each part of a table',
  );
  await close();
});

test('a day of tokens that is over, and leaves with its partition meanwhile, stops nothing', async () => {
  const live = bench.migrator;
  const day = new Date(Date.now() + 3 * 86_400_000);
  await createPartition(live, day);
  await addToken(live, { client_id: 'gone', expires_at: day });
  await addToken(live, { client_id: 'default', expires_at: new Date('2199-01-01T00:00:00Z') });
  await copy();
  await live.sql`update access_tokens set revoked_at = now()`;
  const losing: Database = {
    ...former,
    sql: former.sql,
    ask: async (question, query) => {
      const rows = await former.ask(question, query);
      if (question === 'list-partitions') await dropPartition(live, partitionName(day));
      return rows as never;
    },
  };
  assert.equal((await carryOver(fresh, losing, ago(1), never)).access_tokens, 1);
  await close();
});

test('events are carried out by the page: as many statements as pages, however many sessions, tokens and families ended', async () => {
  const live = bench.migrator;
  const many = 6000;
  await addUser(live);
  await live.sql`
    insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at)
    select decode(lpad(to_hex(n), 8, '0'), 'hex'), gen_random_uuid(), (select subject from users limit 1), now(), ${inAnHour()}
    from generate_series(1, ${many}::integer) as n`;
  await live.sql`
    insert into access_tokens (jti, expires_at, issued_at, client_id) select gen_random_uuid(), ${inAnHour()}, now(), 'c'
    from generate_series(1, ${many}::integer)`;
  await live.sql`
    insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at)
    select gen_random_uuid(), 'c', gen_random_uuid(), gen_random_uuid(), '', '{}', now(), '{}', true, now(), ${inAnHour()}
    from generate_series(1, ${many}::integer)`;
  await copy();
  await live.sql`
    insert into events (at, type, data, producer)
    select now(), 'user_logout', jsonb_build_object('session_id', session_id), 'test' from sessions union all
    select now(), 'token_revoked', jsonb_build_object('jti', jti) || case when random() < 0.5 then '{}' else jsonb_build_object('expires_at', expires_at) end,
      'test' from access_tokens union all
    select now(), 'token_revoked', jsonb_build_object('family', left(encode(sha256(uuid_send(family_id)), 'hex'), 32), 'reason', 'signed out'),
      'test' from token_families`;
  const pages = await readFormerEvents(fresh, former);
  assert.ok(pages);
  const { sessions, access_tokens, token_families } = await replayEvents(fresh, pages, never);
  assert.deepEqual([sessions, access_tokens, token_families], [many, many, many]);
  assert.ok(asked.length < 40, `${asked.length} statements`);
  await close();
});

test('what may be taken back is carried out in the order of its numbers, whatever the clocks of functions said', async () => {
  const live = bench.migrator;
  await addClient(live, 'twice');
  await copy();
  const record = (type: string, at: Date) => live.sql`
    insert into events (at, type, data, producer) values (${at}, ${type}, '{"client_id": "twice"}', 'test')`;
  await record('client_enabled', ago(-0.01));
  await record('client_disabled', ago(0));
  const pages = await readFormerEvents(fresh, former);
  assert.ok(pages);
  await replayEvents(fresh, pages, never);
  const [client] = await fresh.sql`select disabled_at is not null as over from clients where client_id = 'twice'`;
  assert.equal(client?.over, true);
  await close();
});

test('what takes too long is given up between two questions', async () => {
  await addFamily(bench.migrator, { client_id: 'c', subject: await addUser(bench.migrator) });
  await copy();
  const over = AbortSignal.abort(new Error('late'));
  await assert.rejects(carryOver(fresh, former, ago(1), over), /late/);
  const pages = await readFormerEvents(fresh, former);
  assert.ok(pages);
  await assert.rejects(replayEvents(fresh, pages, over), /late/);
  await close();
});
