/** To which instants a stage can be taken back, and by which instance's backups: also by what RDS keeps of one that is gone. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type AwsEndpoint, openAwsEndpoint } from '../../lib/local/aws-endpoint.ts';
import { chooseWindow, findWindows } from '../../lib/recovery/restore-window.ts';
import type { ToolContext } from '../../lib/releases/tool.ts';

interface Kept {
  readonly id: string;
  readonly status: 'active' | 'retained';
  readonly span?: readonly [from: string, to: string];
}

let kept: Kept[];
let fails: boolean;
let endpoint: AwsEndpoint;
before(async () => {
  endpoint = await openAwsEndpoint(({ body }) => {
    assert.equal(new URLSearchParams(body).get('DBInstanceIdentifier'), 'oauth2-local');
    if (fails) {
      const refusal =
        '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>you may not</Message></Error></ErrorResponse>';
      return { status: 403, headers: { 'content-type': 'text/xml' }, body: refusal };
    }
    const backups = kept.map(({ id, status, span }) => {
      const window =
        span && `<RestoreWindow><EarliestTime>${span[0]}</EarliestTime><LatestTime>${span[1]}</LatestTime></RestoreWindow>`;
      const facts = `<DBInstanceIdentifier>oauth2-local</DBInstanceIdentifier><DbiResourceId>${id}</DbiResourceId><Status>${status}</Status>`;
      return `<DBInstanceAutomatedBackup>${facts}${window ?? ''}</DBInstanceAutomatedBackup>`;
    });
    const list = `<DBInstanceAutomatedBackups>${backups.join('')}</DBInstanceAutomatedBackups>`;
    const name = 'DescribeDBInstanceAutomatedBackups';
    const text = `<${name}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><${name}Result>${list}</${name}Result></${name}Response>`;
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: text };
  });
});
after(() => endpoint.close());
beforeEach(() => {
  kept = [];
  fails = false;
});

const find = () =>
  findWindows({
    stage: 'local',
    findLocalRuntime: () => ({ lambda_endpoint: '', rds_endpoint: endpoint.url }),
  } as unknown as ToolContext);

const serving: Kept = { id: 'db-NEW', status: 'active', span: ['2026-02-01T00:00:00Z', '2026-02-03T00:00:00Z'] };
const lost: Kept = { id: 'db-OLD', status: 'retained', span: ['2026-01-01T00:00:00Z', '2026-01-31T00:00:00Z'] };

test('an instant is looked for in the backups of the instance that serves, and in those that are kept of a lost one, by its id', async () => {
  kept = [serving, lost];
  const windows = await find();
  assert.equal(chooseWindow(new Date('2026-02-02T00:00:00Z'), windows).source, 'oauth2-local');
  assert.equal(chooseWindow(new Date('2026-01-15T00:00:00Z'), windows).source, 'db-OLD');
  assert.throws(
    () => chooseWindow(new Date('2026-01-31T12:00:00Z'), windows),
    /from 2026-02-01T00:00:00.000Z to 2026-02-03T00:00:00.000Z \(oauth2-local\) or from 2026-01-01.* not to 2026-01-31T12:00/,
  );
});

test('without automated backups, or before the first of them is ready, it says so and names the other way', async () => {
  for (const none of [[], [{ id: 'db-NEW', status: 'active' }] satisfies Kept[]]) {
    kept = [...none];
    await assert.rejects(find(), /oauth2-local cannot be taken back to an instant: .* restore a backup instead/);
  }
});

test("RDS's own refusal is told", async () => {
  fails = true;
  await assert.rejects(find(), /RDS does not tell to which instants it can go back: you may not/);
});
