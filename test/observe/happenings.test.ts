/** What operators and schedules did, as a diagnosis looks at it: what changed nothing, and what a check did for itself, is no cause of anything. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AwsEndpoint } from '../../lib/local/aws-endpoint.ts';
import { openLogsApi } from '../../lib/local/logs-api.ts';
import { readHappenings } from '../../lib/observe/happenings.ts';
import type { Act } from '../../lib/observe/measured.ts';
import type { ToolContext } from '../../lib/releases/tool.ts';
import { sourceOf } from '../support/aws-account.ts';

let logs: AwsEndpoint;
before(async () => {
  logs = await openLogsApi(sourceOf(new Map()));
});
after(() => logs.close());

const act = (procedure: string, detail: string | null, more: Partial<Act> = {}): Act => ({
  at: '2026-11-25T02:30:00.000Z',
  actor: 'kim@laptop',
  procedure,
  reason: 'because',
  outcome: 'succeeded',
  detail,
  ...more,
});

async function countedOf(...acts: readonly Act[]): Promise<(string | undefined)[]> {
  const context = { stage: 'local', findLocalRuntime: () => ({ lambda_endpoint: '', logs_endpoint: logs.url }) };
  const window = { from: Date.parse('2026-11-25T02:00:00Z'), to: Date.parse('2026-11-25T03:00:00Z') };
  const { happenings, notes } = await readHappenings(context as unknown as ToolContext, window, acts);
  assert.deepEqual(notes, []);
  return happenings.map(({ procedure }) => procedure);
}

test('what changed how the stage serves counts', async () => {
  const acts = [
    act('migrate', 'schema version 19, applied 18, 19'),
    act('maintenance', 'maintenance mode on, was off'),
    act('mend-database', 'ended the session: process 17'),
    act('disable-client', 'client shop: 3 families, 4 access tokens revoked'),
    act('purge-expired', '0 partitions created, 1 dropped, 0 rows deleted', { actor: 'schedule' }),
    act('migrate', 'V0020 failed and was rolled back', { outcome: 'failed' }),
  ];
  assert.deepEqual(
    await countedOf(...acts),
    acts.map(({ procedure }) => procedure),
  );
});

test('what changed nothing, was refused, or only planned does not', async () => {
  const acts = [
    act('migrate', 'schema version 19'),
    act('maintenance', 'maintenance mode off, was off'),
    act('unblock', 'nothing to lift', { actor: 'schedule' }),
    act('mend-database', 'nothing: process 17, it had ended by itself'),
    act('purge-expired', '1 partitions created, 0 dropped, 0 rows deleted', { actor: 'schedule' }),
    act('rotate-signing-keys', 'the next key was published an hour ago', { outcome: 'failed' }),
    act('create-client', 'client shop'),
    act('audit-log', null),
  ];
  assert.deepEqual(await countedOf(...acts), []);
});

test('the client that a check makes for itself and disables is no trace of an operator', async () => {
  const own = act('disable-client', 'client c1: 0 families, 1 access tokens revoked', { reason: 'verify: after the deploy' });
  assert.deepEqual(await countedOf(own), []);
});
