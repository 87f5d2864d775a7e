/** A step of the deploy tells CloudFormation the truth about the procedure that it ran. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { StepEvent } from '../../lib/infra/deploy-step/handler.ts';

type Answer = readonly [status: number, headers: Record<string, string>, body: string];

describe('a deploy step', () => {
  /** Stands for the Lambda API and for the address that CloudFormation listens at. */
  let server: Server;
  let address: string;
  let answers: Answer[];
  const invoked: unknown[] = [];
  const reported: Record<string, string>[] = [];
  let handler: (event: StepEvent) => Promise<void>;

  before(async () => {
    server = createServer(async (request, response) => {
      const body = await textOf(request);
      if (request.method === 'PUT') {
        reported.push(JSON.parse(body));
        response.end();
        return;
      }
      invoked.push({ path: decodeURIComponent(request.url ?? ''), payload: JSON.parse(body) });
      const [status, headers, answer] = answers.shift() ?? [200, {}, '{}'];
      response.writeHead(status, headers).end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_LAMBDA: address,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
    ({ handler } = await import('../../lib/infra/deploy-step/handler.ts'));
  });
  after(() => server.close());
  beforeEach(() => {
    answers = [];
    invoked.length = 0;
    reported.length = 0;
  });

  const event = (RequestType: StepEvent['RequestType']): StepEvent => ({
    RequestType,
    ResponseURL: `${address}/answer?signature=1`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'migrate',
    ResourceProperties: { function_arn: 'oauth2-dev-migrate:live', procedure: 'migrate', release: '7', version: '10' },
  });
  const updateFrom = (version: string): StepEvent => ({
    ...event('Update'),
    OldResourceProperties: { ...event('Update').ResourceProperties, version },
  });

  it('invokes the function as an operator would, and reports that it is done', async () => {
    answers = [[200, {}, '{"outcome":"succeeded"}']];
    await handler(event('Create'));
    assert.deepEqual(invoked, [
      {
        path: '/2015-03-31/functions/oauth2-dev-migrate:live/invocations',
        payload: { reason: 'deploy of 7', actor: 'deploy', input: {}, apply: true },
      },
    ]);
    assert.deepEqual(reported, [
      {
        Status: 'SUCCESS',
        Reason: 'migrate is done',
        StackId: 'stack',
        RequestId: 'request',
        LogicalResourceId: 'migrate',
        PhysicalResourceId: 'migrate',
      },
    ]);
  });

  it('fails the deploy when the procedure could not do its work, with what it said', async () => {
    answers = [[200, {}, '{"outcome":"failed","error":{"message":"V0002 failed at line 3"}}']];
    await handler(updateFrom('9'));
    assert.equal(reported[0]?.Status, 'FAILED');
    assert.match(String(reported[0]?.Reason), /migrate failed, its log tells more: .*V0002 failed at line 3/);
  });

  it('fails the deploy when the function crashes', async () => {
    answers = [[200, { 'x-amz-function-error': 'Unhandled' }, '{"errorMessage":"out of memory"}']];
    await handler(event('Create'));
    assert.equal(reported[0]?.Status, 'FAILED');
    assert.match(String(reported[0]?.Reason), /out of memory/);
  });

  it('fails the deploy when the function cannot be invoked', async () => {
    answers = [[404, { 'x-amzn-errortype': 'ResourceNotFoundException' }, '{"message":"no such function"}']];
    await handler(event('Create'));
    assert.equal(reported[0]?.Status, 'FAILED');
    assert.match(String(reported[0]?.Reason), /ResourceNotFoundException/);
  });

  describe('that backs up before a migration', () => {
    const backup = (): StepEvent => ({
      ...event('Create'),
      ResourceProperties: {
        function_arn: 'oauth2-dev-backup:live',
        procedure: 'backup',
        release: '7',
        version: '3',
        input: '{"kind":"deploy"}',
        asked: 'migrate',
        asked_arn: 'oauth2-dev-migrate:live',
      },
    });

    it('asks the migration first, which changes nothing, and backs up where its plan wants that', async () => {
      answers = [
        [200, {}, '{"outcome":"planned","plan":{"steps":["apply V0011"],"backup_first":true}}'],
        [200, {}, '{"outcome":"succeeded"}'],
      ];
      await handler(backup());
      const order = { reason: 'deploy of 7', actor: 'deploy' };
      assert.deepEqual(invoked, [
        { path: '/2015-03-31/functions/oauth2-dev-migrate:live/invocations', payload: { ...order, input: {}, apply: false } },
        {
          path: '/2015-03-31/functions/oauth2-dev-backup:live/invocations',
          payload: { ...order, input: { kind: 'deploy' }, apply: true },
        },
      ]);
      assert.deepEqual([reported[0]?.Status, reported[0]?.Reason], ['SUCCESS', 'backup is done']);
    });

    it('takes none where nothing is pending, or there is nothing to lose yet', async () => {
      answers = [[200, {}, '{"outcome":"planned","plan":{"steps":["leave the schema"]}}']];
      await handler(backup());
      assert.equal(invoked.length, 1);
      assert.deepEqual([reported[0]?.Status, reported[0]?.Reason], ['SUCCESS', 'nothing asks for backup']);
    });

    it('fails the deploy before anything is migrated, where it fails or nobody can tell whether it is needed', async () => {
      answers = [
        [200, {}, '{"outcome":"planned","plan":{"steps":[],"backup_first":true}}'],
        [200, {}, '{"outcome":"failed","error":{"message":"there is no pg_dump"}}'],
      ];
      await handler(backup());
      answers = [[200, {}, '{"outcome":"failed","error":{"message":"the database is away"}}']];
      await handler(backup());
      assert.deepEqual(
        reported.map(({ Status }) => Status),
        ['FAILED', 'FAILED'],
      );
      assert.match(String(reported[0]?.Reason), /backup failed, .*no pg_dump/);
      assert.match(String(reported[1]?.Reason), /migrate failed before backup, at its plan: .*the database is away/);
      assert.equal(invoked.length, 3);
    });
  });

  it('runs nothing on the way back from a failed deploy, which an older release would refuse', async () => {
    await handler(updateFrom('11'));
    assert.deepEqual(invoked, []);
    assert.equal(reported[0]?.Status, 'SUCCESS');
  });

  it('takes nothing back when it is removed', async () => {
    await handler(event('Delete'));
    assert.deepEqual(invoked, []);
    assert.equal(reported[0]?.Status, 'SUCCESS');
  });
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
