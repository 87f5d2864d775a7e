/** The commands that create clients and accounts: what they hand on, and what they show before they act. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { verifyPassword } from '../../lib/protocol/password.ts';
import { openStage, type TestStage } from './stage.ts';

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

const because = ['--apply', '--reason', 'a test'];

test('set-password hands on the account and the password, shows what ended, and never the password', async () => {
  await stage.run(['create-user', '--username', 'owner', '--password-stdin', ...because], 'the leaked one');
  const planned = await stage.run(['set-password', 'owner', '--password-stdin'], 'correct horse');
  assert.match(
    planned.stdout,
    /give the account "owner" the new password\n(.*\n)*Nothing was changed. To act: oauth2ctl set-password owner --password-stdin --apply/,
  );
  const done = await stage.run(['set-password', 'owner', '--password-stdin', ...because], 'correct horse');
  assert.match(done.stdout, /^username +owner\nsubject +\S+\npassword changed at +\S+ \S+ UTC\nsessions ended +0\n/);
  assert.doesNotMatch(planned.stdout + done.stdout, /horse/);
  const [row] = await stage.bench.migrator.sql<
    { hash: string }[]
  >`select password_hash as hash from users where username = 'owner'`;
  assert.equal(await verifyPassword('correct horse', row?.hash ?? ''), true);
  const nothing = await stage.run(['set-password', 'owner', '--password-stdin']);
  assert.deepEqual([nothing.code, /standard input is empty/.test(nothing.stderr)], [2, true]);
});

test('every option of create-client arrives', async () => {
  const { code, json } = await stage.run([
    ...['create-client', '--json', '--name', 'web', '--grant-types', 'authorization_code, refresh_token', '--scope', 'openid'],
    ...[
      '--redirect-uri',
      'https://a.example/cb',
      '--redirect-uri',
      'https://b.example/cb',
      '--post-logout-redirect-uri',
      'https://a.example/bye',
      '--backchannel-logout-uri',
      'https://a.example/logout',
    ],
    ...[
      '--auth-method',
      'client_secret_post',
      '--resource',
      'https://api.example/',
      '--no-require-pkce',
      '--trusted',
      ...because,
    ],
  ]);
  assert.equal(code, 0);
  const { client_id, client_secret, created_at, ...rest } = json;
  assert.deepEqual(rest, {
    client_name: 'web',
    token_endpoint_auth_method: 'client_secret_post',
    redirect_uris: ['https://a.example/cb', 'https://b.example/cb'],
    post_logout_redirect_uris: ['https://a.example/bye'],
    backchannel_logout_uri: 'https://a.example/logout',
    backchannel_logout_session_required: false,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid',
    resources: ['https://api.example/'],
    id_token_signed_response_alg: 'RS256',
    require_pkce: false,
    trusted: true,
  });
  const open = await stage.run(['create-client', '--json', '--public', '--redirect-uri', 'com.example.app:/cb', ...because]);
  assert.deepEqual([open.json.token_endpoint_auth_method, open.json.client_secret], ['none', undefined]);
});

test('what is created is shown first, with the command that does it; nothing is written before', async () => {
  const words = [
    '--name',
    'not yet',
    '--redirect-uri',
    'https://a.example/cb',
    '--redirect-uri',
    'https://b.example/cb',
    '--no-require-pkce',
  ];
  const client = await stage.run(['create-client', ...words]);
  assert.match(client.stdout, /Plan:\n {2}- register the confidential client "not yet" for authorization_code/);
  const again = `create-client --name 'not yet' --redirect-uri https://a.example/cb --redirect-uri https://b.example/cb --no-require-pkce --apply`;
  assert.ok(client.stdout.includes(`Nothing was changed. To act: oauth2ctl ${again} --reason`), client.stdout);
  const user = await stage.run(['create-user', '--username', 'not-yet', '--password-stdin'], 'correct horse');
  assert.match(user.stdout, /create the account "not-yet"\n\nNothing was changed/);
  assert.doesNotMatch(user.stdout, /horse/);
  const weak = await stage.run(['create-user', '--username', 'not-yet', '--password-stdin'], 'short');
  assert.match(weak.stderr, /a password of at least 8 characters/);
  const [found] = await stage.bench.migrator.sql`
    select exists (select from clients where client_name = 'not yet') or exists (select from users where username = 'not-yet') as any`;
  assert.equal(found?.any, false);
});
