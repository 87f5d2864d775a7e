/** The instance that drills of restores work on: its tool, its database, and people and clients in it. */
import assert from 'node:assert/strict';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { readContents } from '../../lib/store/backup-contents.ts';
import type { Sql } from '../../lib/store/database.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { makePkce, walk } from '../support/flow.ts';
import { createUserAgent } from '../support/user-agent.ts';

let deployment: Deployment;
let folder = '';

/** Starts the instance of this file's drills. @returns it, and its data folder */
export async function startInstance(): Promise<{ deployment: Deployment; folder: string }> {
  deployment = await openDeployment();
  folder = deployment.runtime?.folder ?? '';
  return { deployment, folder };
}

/** The port changes with each start. */
function url(database = 'oauth2'): string {
  const { host, port } = readRuntimeFile(folder)?.database ?? assert.fail('the instance does not run');
  return `postgres://postgres@${host}:${port}/${database}`;
}

export const operate = (...words: string[]): Promise<ToolRun> =>
  runInProcess(words, { OAUTH2_DATA_DIR: folder }, '', { tries: 20, pause_ms: 100 });

/** @throws where the command fails, with what it said */
export async function must(...words: string[]): Promise<ToolRun> {
  const run = await operate(...words);
  assert.equal(run.code, 0, `${words.join(' ')}: ${run.stdout}${run.stderr}`);
  return run;
}

export async function withDatabase<T>(work: (sql: postgres.Sql) => Promise<T>, database?: string): Promise<T> {
  const sql = postgres(url(database), { max: 1, fetch_types: false, onnotice: () => {} });
  return work(sql).finally(() => sql.end());
}

export const contentsOf = (database: string) =>
  withDatabase((sql) => sql.begin((transaction) => readContents(transaction as unknown as Sql)), database);

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** Answers of the token endpoint, with the client's own credentials. */
export async function post(path: string, { client_id, client_secret }: Credentials, form: Record<string, string>) {
  const response = await deployment.fetch(`${deployment.issuer}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test asserts
  return { status: response.status, body: JSON.parse((await response.text()) || '{}') as Record<string, any> };
}

export const makeClient = (name: string) =>
  deployment.operate<Credentials>('create-client', { client_name: name, grant_types: ['client_credentials'], scope: 'read' });
export const issue = (client: Credentials) => post('/oauth/token', client, { grant_type: 'client_credentials' });
export const introspect = async (client: Credentials, token: string) =>
  (await post('/oauth/introspect', client, { token })).body.active;

export const takeBackup = async (): Promise<BackupManifest> =>
  JSON.parse((await must('backup', '--apply', '--reason', 'drill', '--json')).stdout);

const rows = 100_000;
const redirectUri = 'https://client.example/cb';
const account = { username: 'survivor', email: 'survivor@example.com', password: 'correct horse battery staple' };

/** Signs in and exchanges the code. @returns the refresh token */
export async function signIn(client: Credentials): Promise<string> {
  const { verifier, challenge } = makePkce();
  const scope = 'openid offline_access';
  const request = { client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope };
  const query = new URLSearchParams({ ...request, code_challenge: challenge, code_challenge_method: 'S256' });
  const agent = createUserAgent({ issuer: deployment.issuer, url: deployment.url });
  const back = await walk(agent, `${deployment.issuer}/oauth/authorize?${query}`, { ...account, subject: '' });
  const code = back.searchParams.get('code') ?? '';
  const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri };
  const { status, body } = await post('/oauth/token', client, form);
  assert.equal(status, 200, JSON.stringify(body));
  return body.refresh_token;
}

export const refresh = (client: Credentials, refresh_token: string) =>
  post('/oauth/token', client, { grant_type: 'refresh_token', refresh_token });

/** A client, somebody who is signed in at it, and a hundred thousand others. @returns the client and two refresh tokens */
export async function populate(name: string) {
  const client = await deployment.operate<Credentials>('create-client', {
    client_name: name,
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: [redirectUri],
    scope: 'openid offline_access read',
    trusted: true,
  });
  const users = await deployment.operate<{ users: { username: string }[] }>('list-users', {});
  if (!users.users.some(({ username }) => username === account.username)) await deployment.operate('create-user', account);
  await withDatabase(
    (sql) => sql`
      insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at, refresh_hash)
      select gen_random_uuid(), 'c' || n % 100, gen_random_uuid(), gen_random_uuid(), 'openid', '{}', now(), '{pwd}', true, now(), now() + interval '30 days',
        sha256(n::text::bytea) from generate_series(1, ${rows}) as n`,
  );
  return { client, held: await signIn(client), revoked: await signIn(client) };
}

/** What a restore and the instance itself write while it goes on, or is said not to be kept. */
export const changing = /^(audit_log|authorization_codes|metric_|log_|events$|event_relay$)/;

/** Tables of the live database that differ from the manifest, and how many do not. */
export async function compare({ tables }: BackupManifest, expected: readonly string[]) {
  const found = new Map((await contentsOf('oauth2')).map((table) => [table.name, table]));
  const compared = tables.filter(({ name }) => !changing.test(name) && !expected.includes(name));
  const different = compared.filter(
    ({ name, rows: wanted, digest }) => found.get(name)?.rows !== wanted || found.get(name)?.digest !== digest,
  );
  assert.deepEqual(
    different.map(({ name }) => name),
    [],
  );
  return compared.length;
}

export const sumOf = ({ tables }: BackupManifest) => tables.reduce((sum, table) => sum + table.rows, 0);

export async function restoreIt(backupId: string) {
  const began = performance.now();
  const { json } = await must('restore', '--backup', backupId, '--apply', '--reason', 'drill', '--json');
  return { json, seconds: Math.round((performance.now() - began) / 100) / 10 };
}
