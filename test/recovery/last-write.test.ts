/** When somebody may have ended something last, by the logs: what only adds, what a schedule does and what only reads does not count. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { AwsEndpoint } from '../../lib/local/aws-endpoint.ts';
import type { LogEvent } from '../../lib/local/log-journal.ts';
import { openLogsApi } from '../../lib/local/logs-api.ts';
import { findLastWrite } from '../../lib/recovery/last-write.ts';
import type { ToolContext } from '../../lib/releases/tool.ts';
import { type LogEvents, sourceOf } from '../support/aws-account.ts';

const logs: LogEvents = new Map();
let endpoint: AwsEndpoint;
before(async () => {
  endpoint = await openLogsApi(sourceOf(logs));
});
after(() => endpoint.close());
beforeEach(() => logs.clear());

const minute = 60_000;

function say(name: string, minutesAgo: number, fields: object): number {
  const group = `/aws/lambda/oauth2-local-${name}`;
  const events = logs.get(group) ?? [];
  const timestamp = Date.now() - minutesAgo * minute;
  const event: LogEvent = { id: `${name}-${events.length}`, timestamp, stream: 's', message: JSON.stringify(fields) };
  logs.set(group, [...events, event]);
  return timestamp;
}

const find = async () => {
  const context = { stage: 'local', findLocalRuntime: () => ({ lambda_endpoint: '', logs_endpoint: endpoint.url }) };
  return (await findLastWrite(context as unknown as ToolContext)).getTime();
};

const request = (method: string, status: number) => ({ message: 'request', method, status });
const procedure = (actor: string) => ({ message: 'procedure', outcome: 'succeeded', actor });

test('it is the last revocation, sign-out, sign-in, deregistration, used-up grant or procedure', async () => {
  const ends: readonly (readonly [name: string, fields: object])[] = [
    ['registration', request('DELETE', 204)],
    ['login', request('POST', 303)],
    ['logout', request('GET', 302)],
    ['revoke', request('POST', 200)],
    ['token', { ...request('POST', 400), error: 'invalid_grant' }],
    ['disable-client', procedure('arn:aws:iam::1:user/op')],
  ];
  for (const [index, [name, fields]] of ends.entries()) {
    const last = say(name, 100 - index, fields);
    assert.equal(await find(), last, name);
  }
});

test('what issues, reads, adds, was refused, or is done by a schedule is none', async () => {
  const last = say('revoke', 50, request('POST', 200));
  say('token', 9, request('POST', 200));
  say('registration', 8, request('GET', 200));
  say('login', 7, request('GET', 200));
  say('revoke', 6, request('POST', 401));
  say('create-client', 5, procedure('arn:aws:iam::1:user/op'));
  // Whoever destroys a stage and restores it elsewhere has this line as the last of all.
  say('record-destroy', 1, procedure('arn:aws:iam::1:user/op'));
  say('unblock', 4, procedure('schedule'));
  say('rotate-signing-keys', 3, procedure('schedule'));
  assert.equal(await find(), last);
});

test('where the logs know of none, it may have been just before they began: those of a new account say nothing of the old one', async () => {
  const began = say('publish-gauges', 30, procedure('schedule'));
  say('publish-gauges', 25, procedure('schedule'));
  assert.equal(await find(), began);
});

test('where there are no logs, it may have been now', async () => {
  const started = Date.now();
  assert.ok((await find()) >= started);
});
