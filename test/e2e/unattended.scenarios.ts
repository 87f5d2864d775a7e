/** What procedures do without anybody waiting for them: a sign-out reaches the client, and Secrets Manager rotates the signing keys. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListSecretsCommand, RotateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import postgres from 'postgres';
import { type RuntimeFile, readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { functionName, type ProcedureName, procedures } from '../../lib/procedures.ts';
import { makePkce, walk } from '../support/flow.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { type Cast, type FindCast, redirectUri } from './cast.ts';

/** The stand-ins of AWS on this machine; a deployment elsewhere reaches no receiver here and lets nobody move its keys' time. */
function openRuntime(t: TestContext, { deployment: { runtime } }: Cast) {
  const file = runtime && readRuntimeFile(runtime.folder);
  if (!file) return undefined;
  const { lambda_endpoint, secrets_endpoint, database }: RuntimeFile = file;
  const identity = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  const lambda = new LambdaClient({ endpoint: lambda_endpoint, ...identity });
  const secrets = new SecretsManagerClient({ endpoint: secrets_endpoint, ...identity });
  const sql = postgres(`postgres://postgres@${database.host}:${database.port}/oauth2`, { max: 1, onnotice: () => {} });
  t.after(async () => {
    lambda.destroy();
    secrets.destroy();
    await sql.end();
  });
  return { lambda, secrets, sql };
}

/** Asks until there is an answer. */
async function comes<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(50);
  }
}

/** A client's own server on this machine, and what it was sent. */
async function openReceiver(t: TestContext) {
  const received: string[] = [];
  const receiver = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    received.push(new URLSearchParams(body).get('logout_token') ?? '');
    response.writeHead(200).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  return { uri: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/logout`, received };
}

/** Signs the end-user in at a client and out again. @returns the session's id, which the ID token has as `sid` */
async function signInAndOut({ deployment, user, createClient, verify }: Cast, backchannel_logout_uri: string) {
  const client = await createClient({ token_endpoint_auth_method: 'none', backchannel_logout_uri });
  const agent = createUserAgent(deployment);
  const { verifier, challenge } = makePkce();
  const request = { client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'openid' };
  const query = new URLSearchParams({ ...request, code_challenge: challenge, code_challenge_method: 'S256' });
  const back = await walk(agent, `${deployment.metadata.authorization_endpoint}?${query}`, user);
  const form = { grant_type: 'authorization_code', code: back.searchParams.get('code') ?? '', code_verifier: verifier };
  const body = new URLSearchParams({ ...form, client_id: client.client_id, redirect_uri: redirectUri });
  const answer = await deployment.fetch(String(deployment.metadata.token_endpoint), { method: 'POST', body });
  const { id_token = '' } = (await answer.json()) as { id_token?: string };
  const { sid } = await verify(id_token, { audience: client.client_id });
  const out = new URLSearchParams({ id_token_hint: id_token });
  assert.equal((await agent.get(`${deployment.metadata.end_session_endpoint}?${out}`)).status, 200);
  return { client_id: client.client_id, sid: String(sid) };
}

export function unattendedScenarios(findCast: FindCast): void {
  describe('what nobody waits for', () => {
    test('a sign-out reaches the client through the three procedures, each handing on to the next, and is recorded', async (t) => {
      const runtime = openRuntime(t, findCast());
      if (!runtime) return;
      const { uri, received } = await openReceiver(t);
      const { client_id, sid } = await signInAndOut(findCast(), uri);
      // As the schedule does every minute; from here on nobody calls anything.
      const order = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
      const run = { FunctionName: functionName('local', 'collect-logout-notices'), InvocationType: 'Event' } as const;
      await runtime.lambda.send(new InvokeCommand({ ...run, Payload: JSON.stringify(order) }));
      const claims = await findCast().verify(await comes(() => received[0]), { audience: client_id, typ: 'logout+jwt' });
      assert.equal(claims.sid, sid);
      const row = await comes(async () => {
        const [found] = await runtime.sql`select attempts, delivered_at from logout_notices where client_id = ${client_id}`;
        return found?.delivered_at ? found : undefined;
      });
      assert.equal(row.attempts, 1);
      await runtime.lambda.send(new InvokeCommand({ ...run, InvocationType: 'RequestResponse', Payload: JSON.stringify(order) }));
      assert.equal(received.length, 1);
    });

    test('`aws secretsmanager rotate-secret` rotates the signing keys: those that were next sign, and no token ends', async (t) => {
      const { deployment } = findCast();
      const runtime = openRuntime(t, findCast());
      if (!runtime) return;
      const { sql, secrets } = runtime;
      assert.equal(procedures['rotate-signing-keys' satisfies ProcedureName].scheduler, 'secrets-manager');
      const keysOf = async (state: string) =>
        (await sql`select kid from signing_keys where state = ${state} order by kid`).map(({ kid }) => kid as string);
      const former = { active: await keysOf('active'), next: await keysOf('pending') };
      // They were published when the instance started, a moment ago.
      await sql`update signing_keys set created_at = created_at - interval '1 hour'`;
      const { SecretList = [] } = await secrets.send(new ListSecretsCommand({}));
      const secret = SecretList.find(({ Name = '' }) => /signing/.test(Name))?.ARN;
      const { VersionId } = await secrets.send(new RotateSecretCommand({ SecretId: secret }));
      const [entry] = await comes(async () => {
        const rows = await sql`select outcome, reason from audit_log where actor = 'secretsmanager' and outcome <> 'begun'`;
        return rows.length > 0 ? rows : undefined;
      });
      assert.deepEqual({ ...entry }, { outcome: 'succeeded', reason: `rotate-secret, version ${VersionId}` });
      assert.deepEqual(await keysOf('active'), former.next);
      assert.deepEqual(await keysOf('retiring'), former.active);
      const jwks = (await (await deployment.fetch(String(deployment.metadata.jwks_uri))).json()) as { keys: { kid: string }[] };
      const before = former.active.filter((kid) => jwks.keys.some((key) => key.kid === kid));
      assert.deepEqual(before, former.active);
    });
  });
}
