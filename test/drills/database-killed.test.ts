/** Drill: the database's server is killed three times under everything that clients do; what was answered is true afterwards, and the alarms fire. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import postgres from 'postgres';
import { openLogJournal } from '../../lib/local/log-journal.ts';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { readFamilyId } from '../../lib/protocol/refresh-token.ts';
import { openAlarmDrill } from '../support/alarm-drill.ts';
import { startLoad } from '../support/constant-load.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { makePkce, walk } from '../support/flow.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';
import { recordDrill } from './record.ts';

const rounds = 3;
/** So many good answers in a row, and an outage is over. */
const wellAfter = 80;
const patienceMs = 90_000;
const redirectUri = 'https://client.example/cb';
const account = { username: 'drill-user', email: 'drill@example.com', password: 'correct horse battery staple' };

interface Client {
  readonly client_id: string;
  readonly client_secret: string;
}
interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

let deployment: Deployment;
let client: Client;
let sql: postgres.Sql;
const drill = await openAlarmDrill();

before(async () => {
  deployment = await openDeployment();
  client = await deployment.operate<Client>('create-client', {
    client_name: 'drill',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: [redirectUri],
    scope: 'openid offline_access',
    trusted: true,
  });
  await deployment.operate('create-user', account);
  const { host, port } = readRuntimeFile(deployment.runtime?.folder ?? '')?.database ?? { host: '', port: 0 };
  sql = postgres({ host, port, database: 'oauth2', username: 'postgres', max: 1, onnotice: () => {} });
});
after(async () => {
  await sql.end();
  await deployment.stop();
});

/** Every answer, with the instant at which it came. */
const answers: { at: number; status: number; ms: number }[] = [];

/** An answer is what it should be, or 503 that may be tried again; anything else fails the drill. */
async function ask(path: string, form?: Record<string, string>): Promise<Answered> {
  const started = performance.now();
  const headers = { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` };
  const init = form ? { method: 'POST', headers, body: new URLSearchParams(form) } : {};
  const response = await fetch(deployment.url(path), init);
  const text = await response.text();
  answers.push({ at: Date.now(), status: response.status, ms: performance.now() - started });
  if (response.status === 503)
    assert.ok(Number(response.headers.get('retry-after')) > 0, `${path}: 503 without Retry-After: ${text}`);
  assert.ok(response.status < 500 || response.status === 503, `${path}: ${response.status} ${text}`);
  return { status: response.status, body: JSON.parse(text) };
}

/** As a client does that heeds Retry-After, with less patience. */
async function insist(path: string, form: Record<string, string>): Promise<Answered & { retried: boolean }> {
  for (let retried = false; ; retried = true) {
    const answer = await ask(path, form);
    if (answer.status !== 503) return { ...answer, retried };
    await pause(50);
  }
}

/** What the clients were told. */
const issued: string[] = [];
const codes: { code: string; verdict: 'honoured' | 'answer lost' }[] = [];
const chains = new Map<string, { refresh_token: string; rotations: number }>();

const idOf = (token: unknown) => String(decodeJwt(String(token)).jti);

async function issue(): Promise<void> {
  const { status, body } = await insist('/oauth/token', { grant_type: 'client_credentials' });
  assert.equal(status, 200, JSON.stringify(body));
  issued.push(idOf(body.access_token));
}

/** A token that lives is never told to be dead, whatever is away. */
async function introspect(token: string): Promise<void> {
  const { status, body } = await ask('/oauth/introspect', { token });
  assert.ok(status === 503 ? body.active === undefined : body.active === true, JSON.stringify(body));
  await pause(5);
}

async function readiness(): Promise<void> {
  const { status } = await ask('/ready');
  assert.ok([200, 503].includes(status));
  await pause(50);
}

async function getCode(agent: UserAgent): Promise<Record<string, string>> {
  const { verifier, challenge } = makePkce();
  const request = {
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid offline_access',
  };
  const query = new URLSearchParams({ ...request, code_challenge: challenge, code_challenge_method: 'S256' });
  const back = await walk(agent, `${deployment.metadata.authorization_endpoint}?${query}`, { ...account, subject: '' });
  return {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: redirectUri,
  };
}

async function exchange(agent: UserAgent): Promise<void> {
  // The page of an outage says so; a person asks again.
  const form = await getCode(agent).catch((error: Error) => (/ 503: /.test(error.message) ? undefined : Promise.reject(error)));
  if (!form) return pause(50);
  const { status, body, retried } = await insist('/oauth/token', form);
  // A code is used up by an exchange whose answer was lost: whoever repeats it is taken for a thief (RFC 6749 §4.1.2).
  assert.ok(status === 200 || (retried && body.error === 'invalid_grant'), `${status} ${JSON.stringify(body)}`);
  codes.push({ code: String(form.code), verdict: status === 200 ? 'honoured' : 'answer lost' });
  if (status === 200) issued.push(idOf(body.access_token));
}

async function refresh(family: string): Promise<void> {
  const chain = chains.get(family) ?? assert.fail();
  const { status, body } = await insist('/oauth/token', { grant_type: 'refresh_token', refresh_token: chain.refresh_token });
  assert.equal(status, 200, JSON.stringify(body));
  issued.push(idOf(body.access_token));
  chains.set(family, { refresh_token: String(body.refresh_token), rotations: chain.rotations + 1 });
}

/** Kills the server's first process, which the kernel lets say nothing, and waits until clients have long been served again. */
async function killDatabase(): Promise<{ from: number; to: number }> {
  const folder = join(deployment.runtime?.folder ?? '', 'postgres/data');
  const pid = Number.parseInt(readFileSync(join(folder, 'postmaster.pid'), 'utf8'), 10);
  const [from, before] = [Date.now(), answers.length];
  process.kill(pid, 'SIGKILL');
  const lastRefusal = () => answers.slice(before).findLastIndex(({ status }) => status === 503);
  while (lastRefusal() < 0 || answers.length - before - lastRefusal() < wellAfter) {
    assert.ok(Date.now() - from < patienceMs, 'clients are not served again');
    await pause(20);
  }
  return { from, to: answers[before + lastRefusal()]?.at ?? 0 };
}

/** What the functions published from one instant to another, as the complete stage's would. */
function publishedBetween(from: number, to: number): Record<string, unknown>[] {
  const journal = openLogJournal(join(deployment.runtime?.folder ?? '', 'logs/journal'));
  return journal
    .groups()
    .flatMap((group) => journal.read(group, from, to))
    .flatMap(({ message }) => (message.startsWith('{') && message.includes('"_aws"') ? [JSON.parse(message)] : []))
    .map((line) => ({ ...line, service: process.env.POWERTOOLS_SERVICE_NAME }));
}

test('the database dies three times under load: 503 and nothing else, nothing lost or doubled, recovery by itself, and the alarms fire', async () => {
  const agents = [createUserAgent(deployment), createUserAgent(deployment)] as const;
  for (let chain = 0; chain < 3; chain++) {
    const { body } = await insist('/oauth/token', await getCode(agents[0]));
    chains.set(readFamilyId(String(body.refresh_token)) ?? '', { refresh_token: String(body.refresh_token), rotations: 0 });
  }
  const { body: live } = await insist('/oauth/token', { grant_type: 'client_credentials' });
  const token = String(live.access_token);
  const sides = [issue, () => introspect(token), readiness, () => exchange(agents[0]), () => exchange(agents[1])];
  const load = startLoad([...sides, ...[...chains.keys()].map((family) => () => refresh(family))]);
  const calmFrom = Date.now();
  await load.more(120);
  const calmTo = Date.now();
  const outages: { from: number; to: number }[] = [];
  for (let round = 0; round < rounds && load.failures.length === 0; round++) {
    outages.push(await killDatabase());
  }
  await load.end();
  assert.deepEqual(load.failures.slice(0, 3), []);

  // Each access token that a client holds is there once, and every family has what its client holds.
  await sql`select 1`.catch(() => undefined);
  const found = await sql<{ jti: string; count: number }[]>`
    select jti, count(*)::integer as count from access_tokens where jti = any(${issued}) group by jti`;
  assert.equal(new Set(issued).size, issued.length);
  assert.deepEqual([found.length, found.filter(({ count }) => count !== 1)], [issued.length, []]);
  for (const [family, { refresh_token, rotations }] of chains) {
    const [row] = await sql`select refresh_hash, generation, revoked_at from token_families where family_id = ${family}`;
    assert.ok(digest(refresh_token).equals(row?.refresh_hash), 'the client holds another refresh token than the database');
    // A retry after a lost answer gets the successor that was made already.
    assert.deepEqual([row?.generation, row?.revoked_at], [rotations, null]);
    await refresh(family);
  }
  for (const { code, verdict } of codes) {
    const rows = await sql`
      select k.redeemed_at is not null as redeemed, f.revoked_at is not null as revoked,
        (select count(*)::integer from access_tokens a where a.family_id = k.family_id) as tokens
      from authorization_codes k left join token_families f using (family_id) where code_hash = ${digest(code)}`;
    assert.deepEqual([...rows], [{ redeemed: true, revoked: verdict === 'answer lost', tokens: 1 }], code);
  }

  const isAway = ({ at }: { at: number }) => outages.some(({ from, to }) => at >= from && at <= to);
  const seenIn = (list: typeof answers) => ({ statuses: list.map(({ status }) => status), latencies: list.map(({ ms }) => ms) });
  const calm = {
    lines: publishedBetween(calmFrom, calmTo),
    ...seenIn(answers.filter(({ at }) => at >= calmFrom && at <= calmTo)),
  };
  const away = { lines: outages.flatMap(({ from, to }) => publishedBetween(from, to)), ...seenIn(answers.filter(isAway)) };
  drill.assertFires('NotReady', 'database-connection-issues', away, calm);
  for (const name of ['HighErrorRate', 'ErrorRateRaised', 'TokenAvailabilityBurnsFast'])
    drill.assertFires(name, 'high-error-rate', away, calm);

  const refused = answers.filter(({ status }) => status === 503).length;
  recordDrill({
    name: 'database-killed',
    shows:
      "The database's server is killed three times, without a farewell, while clients issue, introspect, exchange codes and refresh",
    figures: {
      requests: answers.length,
      'answered 503 with Retry-After': refused,
      'answered otherwise than they should be': 0,
      'live token told to be inactive': 0,
      'access tokens answered, each found once': issued.length,
      'refresh tokens rotated, all as their clients hold them': [...chains.values()].reduce(
        (sum, { rotations }) => sum + rotations,
        0,
      ),
      'codes honoured once': codes.filter(({ verdict }) => verdict === 'honoured').length,
      'codes whose answer was lost, their families ended': codes.filter(({ verdict }) => verdict === 'answer lost').length,
      'from the kill to the last refusal, s': outages.map(({ from, to }) => ((to - from) / 1000).toFixed(1)).join(', '),
      'longest answer, s': (Math.max(...answers.map(({ ms }) => ms)) / 1000).toFixed(1),
      ...drill.fired,
    },
  });
});
