/** The last step of a deploy records what is live under the next number, once for each set of versions. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { RecordEvent } from '../../lib/infra/deploy-step/record-release.ts';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import type { Release } from '../../lib/releases/record.ts';
import { type Account, openAccount } from '../support/aws-account.ts';

describe('the record of a release', () => {
  let account: Account;
  let listener: Server;
  let address: string;
  let reported: Record<string, string>[];
  let handler: (event: RecordEvent) => Promise<void>;

  before(async () => {
    account = await openAccount();
    listener = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      reported.push(JSON.parse(text));
      response.end();
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    address = `http://127.0.0.1:${(listener.address() as { port: number }).port}/answer`;
    ({ handler } = await import('../../lib/infra/deploy-step/record-release.ts'));
  });
  after(async () => {
    listener.close();
    await account.close();
  });
  beforeEach(() => {
    reported = [];
    account.parameters.clear();
    account.functions.clear();
    account.before = () => {};
    for (const name of ['health', 'token']) account.addFunction(`oauth2-dev-${name}`, '1');
  });

  const event = (
    RequestType: RecordEvent['RequestType'],
    change: Partial<RecordEvent['ResourceProperties']> = {},
  ): RecordEvent => ({
    RequestType,
    ResponseURL: address,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'release',
    ResourceProperties: {
      stage: 'dev',
      functions: ['token', 'health'],
      release: '1.1.0',
      commit: 'c0ffee',
      schema_version: '1',
      issuer: 'https://issuer.example',
      ...change,
    },
  });
  const records = (): Release[] => [...account.parameters.values()].map((text) => JSON.parse(text) as Release);

  it('says commit, time, migration, issuer and the version of every function', async () => {
    await handler(event('Create'));
    assert.deepEqual([reported[0]?.Status, reported[0]?.Reason], ['SUCCESS', 'release 1 is in place']);
    assert.deepEqual([...account.parameters.keys()], ['/oauth2/dev/releases/000001']);
    const [{ time, ...release }] = records() as [Release];
    assert.deepEqual(release, {
      number: 1,
      release: '1.1.0',
      commit: 'c0ffee',
      schema_version: 1,
      issuer: 'https://issuer.example',
      functions: { health: '1', token: '1' },
    });
    assert.equal(new Date(time).toISOString(), time);
  });

  it('counts up, and makes no second one of the same versions', async () => {
    await handler(event('Create'));
    await handler(event('Update'));
    assert.equal(records().length, 1);
    account.addFunction('oauth2-dev-token', '2');
    await handler(event('Update', { release: '1.2.0' }));
    assert.deepEqual(
      records().map(({ number, functions }) => [number, functions.token]),
      [
        [1, '1'],
        [2, '2'],
      ],
    );
  });

  it('makes no new one on the way back from a deploy that failed', async () => {
    await handler(event('Create'));
    account.addFunction('oauth2-dev-token', '2');
    await handler(event('Update'));
    account.addFunction('oauth2-dev-token', '1');
    await handler(event('Update'));
    assert.deepEqual([records().length, reported.at(-1)?.Reason], [2, 'release 1 is in place']);
  });

  it('knows functions that came and that went', async () => {
    await handler(event('Create'));
    account.functions.delete('oauth2-dev-health');
    account.addFunction('oauth2-dev-userinfo', '1');
    await handler(event('Update', { functions: ['token', 'userinfo'] }));
    assert.deepEqual(records()[1]?.functions, { token: '1', userinfo: '1' });
  });

  it('takes the next number where two deploys want the same one', async () => {
    account.before = ({ operation }) => {
      if (operation === 'PutParameter' && records().length === 0)
        account.parameters.set('/oauth2/dev/releases/000001', JSON.stringify({ number: 1, functions: { token: '9' } }));
    };
    await handler(event('Create'));
    assert.deepEqual(
      records().map(({ number }) => number),
      [1, 2],
    );
  });

  it('fails the deploy where a function has no alias, or the record cannot be written', async () => {
    await handler(event('Create', { functions: ['token', 'health', 'gone'] }));
    assert.deepEqual([reported[0]?.Status, reported[0]?.Reason], ['FAILED', 'these functions have no live alias: gone']);
    account.before = ({ operation }) => {
      if (operation === 'PutParameter') throw new AwsError('ParameterLimitExceeded', 'too many');
    };
    await handler(event('Create'));
    assert.match(String(reported[1]?.Reason), /ParameterLimitExceeded/);
    assert.equal(reported[1]?.Status, 'FAILED');
  });

  it('fits into a parameter with forty functions, and forgets all when the stage is removed', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `a-function-with-a-long-name-${index}`);
    for (const name of many) account.addFunction(`oauth2-dev-${name}`, '12345');
    await handler(event('Create', { functions: many }));
    assert.equal(reported[0]?.Status, 'SUCCESS');
    for (let number = 2; number <= 12; number++) {
      account.addFunction(`oauth2-dev-${many[0]}`, String(number));
      await handler(event('Update', { functions: many }));
    }
    assert.equal(records().length, 12);
    await handler(event('Delete'));
    assert.deepEqual([records().length, reported.at(-1)?.Status], [0, 'SUCCESS']);
  });
});
