/** Drill: signing keys and the database password are rotated on a running instance while tokens are issued, introspected and verified without a pause. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { recordDrill } from './record.ts';

let deployment: Deployment;
let folder: string;
let basic: string;
before(async () => {
  deployment = await openDeployment();
  folder = deployment.runtime?.folder ?? '';
  const client = await deployment.operate<{ client_id: string; client_secret: string }>('create-client', {
    client_name: 'drill',
    grant_types: ['client_credentials'],
  });
  basic = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`;
});
after(() => deployment.stop());

const post = (path: string, form: Record<string, string>) =>
  fetch(deployment.url(path), { method: 'POST', headers: { authorization: basic }, body: new URLSearchParams(form) });

/** Issues, introspects and verifies, from several sides at once. */
function startLoad(sides: number) {
  let ended = false;
  const failures: string[] = [];
  const tokens: string[] = [];
  let requests = 0;
  // As a resource server does: it keeps the key set, and fetches it anew for a key that it does not know.
  const keys = createRemoteJWKSet(new URL(deployment.url('/.well-known/jwks.json')), { cooldownDuration: 0 });
  const once = async () => {
    try {
      const issued = await post('/oauth/token', { grant_type: 'client_credentials' });
      requests += 2;
      const text = await issued.text();
      assert.equal(issued.status, 200, text);
      const { access_token } = JSON.parse(text) as { access_token: string };
      await jwtVerify(access_token, keys, { issuer: deployment.issuer });
      const told = await post('/oauth/introspect', { token: access_token });
      assert.deepEqual([told.status, ((await told.json()) as { active: boolean }).active], [200, true]);
      tokens.push(access_token);
    } catch (error) {
      failures.push(String(error));
    }
  };
  const side = async () => {
    while (!ended) await once();
  };
  const running = Promise.all(Array.from({ length: sides }, side));
  return {
    failures,
    tokens,
    keys,
    requests: () => requests,
    /** So many more at once, for which new sandboxes start. */
    burst: (count: number) => Promise.all(Array.from({ length: count }, once)),
    signers: () => new Set(tokens.map((token) => decodeProtectedHeader(token).kid)),
    more: async (count: number) => {
      const goal = tokens.length + count;
      while (tokens.length < goal && failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    end: async () => {
      ended = true;
      await running;
    },
  };
}

const operate = async (...words: string[]): Promise<ToolRun> => {
  const run = await runInProcess([...words, '--apply', '--reason', 'drill', '--json'], { OAUTH2_DATA_DIR: folder });
  assert.equal(run.code, 0, run.stdout + run.stderr);
  return run;
};

/** The next key has to have been published for a day; here that day is over. */
async function ageKeys(): Promise<void> {
  const { host, port } = readRuntimeFile(folder)?.database ?? { host: '', port: 0 };
  const sql = postgres({ host, port, database: 'oauth2', username: 'postgres', max: 1 });
  await sql`update signing_keys set created_at = created_at - interval '30 days'`;
  await sql.end();
}

test('zero failed requests and zero tokens that fail to verify, through rotations of keys and of the database password', async () => {
  const load = startLoad(2);
  await load.more(30);
  const began = Date.now();
  const passwords = new Set<string>();
  for (let round = 0; round < 3; round++) {
    await ageKeys();
    await operate('rotate-signing-keys');
    // A sandbox keeps its keys for five minutes: one that starts now signs with the new ones, beside the others. An instance has six of a function.
    const before = load.signers().size;
    for (let more = 1; load.signers().size === before && more <= 8 && load.failures.length === 0; more++) await load.burst(more);
    await load.more(20);
    const { json } = await operate('rotate-database-password');
    assert.deepEqual([json.former_password, json.ready], ['refused', true]);
    passwords.add(json.version);
    await load.more(20);
  }
  const took = (Date.now() - began) / 1000;
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.equal(passwords.size, 3);
  assert.ok(load.signers().size >= 2, 'one key signed everything');
  for (const token of load.tokens) await jwtVerify(token, load.keys, { issuer: deployment.issuer });
  recordDrill({
    name: 'rotation-under-load',
    shows:
      'Three rotations of the signing keys and three of the database password while two clients, and now and then more, issue, verify and introspect without a pause',
    figures: {
      requests: load.requests(),
      'failed requests': load.failures.length,
      'tokens verified': load.tokens.length,
      'tokens that failed to verify': 0,
      'keys that signed, beside each other': load.signers().size,
      'six rotations under load, s': Math.round(took * 10) / 10,
    },
  });
});
