/** Drill: the functions of the release before take over from those of the working tree and give back, on the newer schema, under load. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, symlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createFunctions, type Functions } from '../../lib/local/functions.ts';
import { createGateway, type Gateway } from '../../lib/local/gateway.ts';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { synthesise } from '../../lib/local/synthesise.ts';
import { readTemplate } from '../../lib/local/template.ts';
import { startLoad } from '../support/constant-load.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { makePkce, walk } from '../support/flow.ts';
import { findReleaseBeforeMigration, takeOut } from '../support/releases.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';
import { recordDrill } from './record.ts';

const root = join(import.meta.dirname, '../..');
const place = { region: 'us-east-1', account: '000000000000' };
const redirectUri = 'https://client.example/cb';
const account = { username: 'drill-user', email: 'drill@example.com', password: 'correct horse battery staple' };

const previous = findReleaseBeforeMigration();
let deployment: Deployment;
let folder: string;
let functions: Functions;
let gateway: Gateway;
let client: { client_id: string; client_secret: string };
/** Where clients are served now: what an alias decides in AWS. */
let live: (path: string) => string;
let former: (path: string) => string;

/** The functions of the release before, as its own template says, over the database and the secrets of the instance. */
async function openFormerRelease(): Promise<void> {
  folder = takeOut(
    previous.commit,
    'bin',
    'lib',
    'functions',
    'migrations',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'cdk.json',
  );
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const out = join(folder, 'cdk.out');
  await synthesise({ root: folder, out, environment: { OAUTH2_STAGE: 'local', OAUTH2_ISSUER: deployment.issuer }, clean: true });
  const { database, secrets_endpoint } = readRuntimeFile(deployment.runtime?.folder ?? '') ?? assert.fail();
  const template = readTemplate(out, { ...place, database });
  functions = createFunctions({
    specs: template.functions,
    environment: { AWS_REGION: place.region, AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets_endpoint },
    output: () => {},
    notice: () => {},
  });
  gateway = createGateway({
    routes: template.routes,
    invoke: async (name, event) => {
      const { verdict, payload } = await functions.invoke(name, JSON.stringify(event));
      return verdict === 'answered' ? JSON.parse(payload) : assert.fail(`${name}: ${verdict} ${payload}`);
    },
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const { port } = gateway.address() as AddressInfo;
  former = (path) => `http://127.0.0.1:${port}${path}`;
}

before(async () => {
  deployment = await openDeployment();
  live = deployment.url;
  client = await deployment.operate('create-client', {
    client_name: 'drill',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: [redirectUri],
    scope: 'openid offline_access',
    trusted: true,
  });
  await deployment.operate('create-user', account);
  await openFormerRelease();
});
after(async () => {
  gateway?.closeAllConnections();
  gateway?.close();
  await functions?.stop();
  await deployment.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Milliseconds of each answer since it was last emptied. */
let latencies: number[] = [];

async function post(path: string, form: Record<string, string>): Promise<Record<string, unknown>> {
  const started = performance.now();
  const authorization = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`;
  const response = await fetch(live(path), { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
  const text = await response.text();
  latencies.push(performance.now() - started);
  assert.equal(response.status, 200, `${path}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

async function signIn(agent: UserAgent): Promise<Record<string, unknown>> {
  const { verifier, challenge } = makePkce();
  const request = {
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid offline_access',
  };
  const query = new URLSearchParams({ ...request, code_challenge: challenge, code_challenge_method: 'S256' });
  const back = await walk(agent, `${deployment.issuer}/oauth/authorize?${query}`, { ...account, subject: '' });
  const code = back.searchParams.get('code') ?? '';
  return post('/oauth/token', { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri });
}

const site = { issuer: '', url: (path: string) => live(path) };
const newAgent = () => createUserAgent({ ...site, issuer: deployment.issuer });

async function isAlive(token: unknown): Promise<void> {
  assert.equal((await post('/oauth/introspect', { token: String(token) })).active, true);
}

test('a rollback over a migration under load: no request fails, and what either release issued goes on at the other', async () => {
  const keys = createRemoteJWKSet(new URL(deployment.url('/.well-known/jwks.json')));
  const issue = async () => {
    const { access_token } = await post('/oauth/token', { grant_type: 'client_credentials' });
    await jwtVerify(String(access_token), keys, { issuer: deployment.issuer });
    await isAlive(access_token);
  };
  const chains: string[] = [];
  const refresh = (chain: number) => async () => {
    const answer = await post('/oauth/token', { grant_type: 'refresh_token', refresh_token: chains[chain] ?? '' });
    chains[chain] = String(answer.refresh_token);
  };
  const agent = newAgent();
  for (let chain = 0; chain < 2; chain++) chains.push(String((await signIn(agent)).refresh_token));
  const signInAgain = async () => void (await signIn(agent));
  const load = startLoad([issue, refresh(0), refresh(1), signInAgain]);
  const held: unknown[] = [];
  const moves: { ms: number; longest: number }[] = [];
  /** Moves the clients as aliases do, and has everything done there, also what only a newcomer does. */
  const move = async (url: (path: string) => string) => {
    await load.more(40);
    held.push((await signIn(newAgent())).access_token);
    const began = performance.now();
    latencies = [];
    live = url;
    await load.more(8);
    moves.push({ ms: performance.now() - began, longest: Math.max(...latencies) });
    await load.more(40);
    const ready = await fetch(live('/ready'));
    assert.equal(ready.status, 200, await ready.text());
    held.push((await signIn(newAgent())).access_token);
    for (const token of held) await isAlive(token);
  };
  await move(former);
  await move(deployment.url);
  await load.end();
  assert.deepEqual(load.failures.slice(0, 3), []);

  const seconds = (ms: number) => Math.round(ms / 100) / 10;
  recordDrill({
    name: 'rollback-over-migration',
    shows:
      'The functions of the release before take over on the schema of this one, and give back, while clients sign in, refresh, issue and introspect',
    figures: {
      'migrations between the two': previous.migrations.join(', '),
      'rounds of requests': load.count(),
      'failed requests': load.failures.length,
      'tokens of either release found active at the other': `${held.length} of ${held.length}`,
      'until every kind of request was answered by the release before, its functions started cold, s': seconds(moves[0]?.ms ?? 0),
      'the same on the way back, s': seconds(moves[1]?.ms ?? 0),
      'longest answer while it took over, s': seconds(moves[0]?.longest ?? 0),
    },
  });
});
