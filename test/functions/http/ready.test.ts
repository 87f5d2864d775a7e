/** The readiness check names what is not as it should be: database, migrations, keys. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ready } from '../../../functions/http/ready/ready.ts';
import { readConfig } from '../../../lib/config.ts';
import type { HttpRequest } from '../../../lib/http/request.ts';
import { KeysUnavailable } from '../../../lib/keys/vault.ts';
import { type Database, DatabaseUnavailable } from '../../../lib/store/database.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

async function checks(): Promise<{ status: number; retry: string | null; body: Record<string, unknown> }> {
  const response = await fetch(server.url('/ready'));
  return {
    status: response.status,
    retry: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  };
}

/** Asks the function with parts that fail as the real ones do. */
async function ask(parts: Partial<Parameters<typeof ready>[0]>) {
  const notes: string[] = [];
  const request = { note: (_field: string, value: string) => notes.push(value) } as unknown as HttpRequest;
  const answer = await ready({ config: readConfig(), db: server.db, loadRing: async () => server.ring, ...parts }, request);
  return { status: answer.status, checks: JSON.parse(answer.body).checks as Record<string, string>, notes, body: answer.body };
}

test('GET /ready is 200 when database, migrations and keys are as they should be', async () => {
  const { status, retry, body } = await checks();
  assert.deepEqual({ status, retry }, { status: 200, retry: null });
  assert.deepEqual(body, { status: 'ready', checks: { database: 'ok', migrations: 'ok', keys: 'ok' } });
});

test('a migration that this release needs and that is not applied is named: 503 with Retry-After', async () => {
  await server.db.sql`update flyway_schema_history set success = false`;
  const { status, retry, body } = await checks();
  await server.db.sql`update flyway_schema_history set success = true`;
  assert.equal(status, 503);
  assert.ok(Number(retry) > 0);
  assert.deepEqual(body, { status: 'unavailable', checks: { database: 'ok', migrations: 'pending: 0 of 1', keys: 'ok' } });
});

test('a schema that is not there at all is the database that is not usable, not a failure', async () => {
  await server.db.sql`alter table flyway_schema_history rename to hidden`;
  const { status, body } = await checks();
  await server.db.sql`alter table hidden rename to flyway_schema_history`;
  assert.equal(status, 503);
  assert.equal(body.status, 'unavailable');
  assert.equal((await checks()).status, 200);
});

test('a key that signs and that verifiers cannot see is named', async () => {
  await server.db.sql`update signing_keys set state = 'retired' where alg = 'ES256' and state = 'active'`;
  const { status, body } = await checks();
  await server.db.sql`update signing_keys set state = 'active' where state = 'retired'`;
  assert.equal(status, 503);
  assert.deepEqual(body.checks, { database: 'ok', migrations: 'ok', keys: 'not published' });
});

test('a secret without a value, and one that cannot be read, are named apart', async () => {
  const missing = await ask({ loadRing: async () => undefined });
  assert.equal(missing.status, 503);
  assert.equal(missing.checks.keys, 'missing');
  const away = await ask({ loadRing: () => Promise.reject(new KeysUnavailable('reading arn: AccessDeniedException')) });
  assert.equal(away.status, 503);
  assert.deepEqual(away.checks, { database: 'ok', migrations: 'ok', keys: 'unreachable' });
  assert.deepEqual(away.notes, ['reading arn: AccessDeniedException']);
  assert.equal(away.body.includes('AccessDenied'), false);
});

test('a database that is away is named, and its driver speaks to the log alone', async () => {
  const db = {
    ...server.db,
    ask: () => Promise.reject(new DatabaseUnavailable('read-readiness', 'ECONNREFUSED 10.0.0.1')),
  } as Database;
  const answer = await ask({ db });
  assert.equal(answer.status, 503);
  assert.equal(answer.checks.database, 'unreachable');
  assert.equal(answer.body.includes('ECONN'), false);
  assert.ok(answer.notes.some((note) => note.includes('ECONNREFUSED')));
});

test('an unexpected failure is not passed off as a finding', async () => {
  await assert.rejects(ask({ loadRing: () => Promise.reject(new TypeError('a bug')) }), TypeError);
});
