/** Drill: everything is lost but the bucket of the backups, and the page full-restore, as written, builds the system again. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Deployment } from '../support/deployment.ts';
import { followPage } from './follow-page.ts';
import { recordDrill } from './record.ts';
import { introspect, issue, populate, refresh, signIn, startInstance, sumOf, takeBackup } from './restore-instance.ts';

let deployment: Deployment;
let folder: string;
before(async () => {
  ({ deployment, folder } = await startInstance());
});
after(() => deployment.stop());

test('in an empty account, the page builds the system again: clients go on, people sign in again, nothing of before is good', async () => {
  const { client, held } = await populate('moved');
  const { access_token } = (await issue(client)).body;
  const manifest = await takeBackup();
  // Keys, secrets, logs, events, executions and the database: all but what was copied to another account.
  await deployment.runtime?.restart(() => {
    for (const name of readdirSync(folder)) if (name !== 'buckets') rmSync(join(folder, name), { recursive: true });
  });
  assert.equal((await issue(client)).status, 401);

  const began = performance.now();
  await followPage('full-restore', { BACKUP_ID: manifest.backup_id });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  assert.equal((await issue(client)).status, 200);
  assert.equal(await introspect(client, access_token), false);
  assert.equal((await refresh(client, held)).body.error, 'invalid_grant');
  assert.equal((await refresh(client, await signIn(client))).status, 200);
  recordDrill({
    name: 'full-restore',
    shows:
      'Database, signing keys, secrets, logs and events are lost with their account; the commands of the page full-restore, as written, build the system from the bucket of the backups',
    figures: {
      'rows restored and compared': sumOf(manifest),
      'client of before is served': 'yes',
      'tokens of before': 'refused: keys and logs are lost with the account',
      'commands of the page together, s': seconds,
    },
  });
});
