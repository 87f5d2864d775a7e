/** Drill: what a restore of a running instance does to who uses it meanwhile, and to what was revoked; and its pages, as written. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Deployment } from '../support/deployment.ts';
import { followPage } from './follow-page.ts';
import { introspect, issue, makeClient, must, operate, startInstance, takeBackup, withDatabase } from './restore-instance.ts';

let deployment: Deployment;
before(async () => {
  ({ deployment } = await startInstance());
});
after(() => deployment.stop());

test('the pages restore-drill and restore run as written, and say what they did', async () => {
  await makeClient('pages');
  const { backup_id } = await takeBackup();
  for (const page of ['restore-drill', 'restore'])
    await followPage(page, { BACKUP_ID: backup_id, INSTANT: new Date().toISOString() });
});

test('while a restore is under way what writes is told to come back, and what reads goes on', async () => {
  const client = await makeClient('meanwhile');
  const { access_token } = (await issue(client)).body;
  const { backup_id } = await takeBackup();
  let restoring = true;
  const restore = operate('restore', '--backup', backup_id, '--apply', '--reason', 'drill', '--json').finally(() => {
    restoring = false;
  });
  const statuses = new Map<string, number>();
  const retries = new Set<string | null>();
  while (restoring) {
    for (const [what, path, form] of [
      ['token', '/oauth/token', { grant_type: 'client_credentials' }],
      ['introspect', '/oauth/introspect', { token: access_token }],
    ] as const) {
      const response = await deployment.fetch(`${deployment.issuer}${path}`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` },
        body: new URLSearchParams(form),
      });
      const body = (await response.json()) as { active?: boolean };
      const state = `${what} ${response.status}${body.active === undefined ? '' : ` ${body.active}`}`;
      statuses.set(state, (statuses.get(state) ?? 0) + 1);
      if (response.status === 503) retries.add(response.headers.get('retry-after'));
    }
  }
  const { code, stdout, stderr } = await restore;
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(
    [...statuses.keys()].filter((state) => !/^(token (200|503)|introspect (200 true|503))$/.test(state)),
    [],
  );
  assert.ok((statuses.get('token 503') ?? 0) > 0 && (statuses.get('introspect 200 true') ?? 0) > 0);
  assert.ok(![...retries].includes(null));
  await must('restore', '--discard', '--apply', '--reason', 'drill');
});

test('a database that can no longer be dumped is restored all the same, and the plan of its discarding says that it is the only copy', async () => {
  const client = await makeClient('undumpable');
  const { backup_id } = await takeBackup();
  // Made by the administrator, so that the role of the backups may not read it.
  await withDatabase((sql) => sql`create table clients_copy as select * from clients`);
  const { json } = await must('restore', '--backup', backup_id, '--apply', '--reason', 'drill', '--json');
  assert.equal(json.safety_backup, null);
  assert.match(json.unsaved, /permission denied for table clients_copy/);
  assert.equal(json.ready, true);
  assert.equal((await issue(client)).status, 200);
  const { stdout } = await must('audit-log', '--procedure', 'restore-step');
  // A long cell goes on below itself.
  assert.match(
    stdout.replaceAll(/\s+/g, ' '),
    new RegExp(`no safety backup: .*clients_copy.*; the database of before is kept as ${json.kept}`),
  );
  assert.match((await must('restore', '--discard')).stdout, /THE ONLY COPY, as no safety backup was taken of it: .*clients_copy/);
  await must('restore', '--discard', '--apply', '--reason', 'drill');
});

test('a restore of yesterday does not undo that everything was revoked', async () => {
  const client = await makeClient('revoked');
  const { access_token } = (await issue(client)).body;
  const { backup_id } = await takeBackup();
  await must('revoke-tokens', '--all', '--apply', '--reason', 'drill');
  assert.equal(await introspect(client, access_token), false);
  const { json } = await must('restore', '--backup', backup_id, '--apply', '--reason', 'drill', '--json');
  assert.equal(json.revocations, 'former database');
  assert.equal(await introspect(client, access_token), false);
  const fresh = (await issue(client)).body.access_token;
  assert.equal(await introspect(client, fresh), true);
  await must('restore', '--discard', '--apply', '--reason', 'drill');
});
