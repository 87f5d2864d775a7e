/** Tokens for RDS: equal to those of AWS's own signer, and reused until shortly before they expire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDatabaseToken } from '../../lib/keys/database-token.ts';

const noon = Date.UTC(2026, 10, 23, 12, 0, 0);

function makeSource(clock: () => number, calls: string[] = []) {
  const credentials = () => {
    calls.push('credentials');
    return {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      sessionToken: 'AQoDYXdz+/==',
    };
  };
  return createDatabaseToken(
    { host: 'proxy.example', port: 5432, user: 'oauth2_api', region: 'eu-central-1', credentials },
    clock,
  );
}

test('a token is the presigned request that the signer of the AWS SDK makes', async () => {
  const token = await makeSource(() => noon)();
  const [address, query = ''] = token.split('/?');
  const parameters = new URLSearchParams(query);
  assert.equal(address, 'proxy.example:5432');
  assert.equal(parameters.get('Action'), 'connect');
  assert.equal(parameters.get('DBUser'), 'oauth2_api');
  assert.equal(parameters.get('X-Amz-Expires'), '900');
  assert.equal(parameters.get('X-Amz-Security-Token'), 'AQoDYXdz+/==');
  // Made by the signer of the AWS SDK for JavaScript for the same credentials and instant.
  assert.equal(parameters.get('X-Amz-Signature'), '4ad1fd289a0c130add80ad73f138c31409cd72577a908c0750c4ef675d88ccab');
});

test('a token is used again until two minutes before it expires, then made anew with the credentials of then', async () => {
  let now = noon;
  const calls: string[] = [];
  const token = makeSource(() => now, calls);
  const first = await token();
  now += 12 * 60_000;
  assert.equal(await token(), first);
  now += 60_001;
  assert.notEqual(await token(), first);
  assert.equal(calls.length, 2);
});
