/** The check before a deploy: each thing that would stand in its way, found by its name. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it, test } from 'node:test';
import { readPreflightFacts } from '../../lib/releases/account-checks.ts';
import type { Finding } from '../../lib/releases/check-server.ts';
import { complete } from '../infra/complete-stage.ts';
import { type Account, openAccount } from '../support/aws-account.ts';
import { runInProcess } from './stage.ts';

let account: Account;
beforeEach(async () => {
  account = await openAccount();
  account.parameters.set('/cdk-bootstrap/hnb659fds/version', '28');
  const certificate = { Status: 'ISSUED', DomainName: 'auth.example.com', NotAfter: 4_102_444_800 };
  account.certificates.set(complete.domain?.certificate_arn ?? '', {
    ...certificate,
    SubjectAlternativeNames: ['auth.example.com', '*.auth.example.com'],
  });
  account.certificates.set(complete.edge?.certificate_arn ?? '', certificate);
});
const path = process.env.PATH;
const folder = mkdtempSync(join(tmpdir(), 'oauth2-docker-'));
afterEach(async () => {
  process.env.PATH = path;
  await account.close();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What answers to the name of Docker on this machine. */
function putDocker(script: string): void {
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'docker'), 0o755);
  process.env.PATH = `${folder}:${path}`;
}

const stage = { ...complete, name: 'complete', release: 'unreleased', commit: 'unknown' };

async function look(): Promise<Map<string, Finding>> {
  return new Map((await readPreflightFacts(stage)).map((finding) => [finding.name, finding]));
}

test('an account that has everything is well', async () => {
  const found = await look();
  const names = [
    'credentials',
    'bootstrap',
    'bootstrap of us-east-1',
    'bootstrap of eu-west-1',
    'quotas',
    'zones',
    'domain',
    'certificate',
    'certificate of CloudFront',
  ];
  assert.deepEqual([...found.keys()], names);
  for (const { name, verdict, detail } of found.values()) assert.equal(verdict, 'well', `${name}: ${detail}`);
});

describe('what stands in the way is found:', () => {
  const cases: readonly (readonly [string, string, (account: Account) => unknown, RegExp])[] = [
    [
      'another account',
      'credentials',
      ({ identity }) => Object.assign(identity, { account: '999999999999' }),
      /signed in to account 999999999999/,
    ],
    ['no bootstrap', 'bootstrap', ({ parameters }) => parameters.clear(), /not bootstrapped: run npx cdk bootstrap/],
    [
      'no bootstrap in the region of the copies',
      'bootstrap of eu-west-1',
      ({ parameters }) => parameters.clear(),
      /eu-west-1 is not bootstrapped: run npx cdk bootstrap aws:\/\/ACCOUNT\/eu-west-1/,
    ],
    [
      'an old bootstrap',
      'bootstrap',
      ({ parameters }) => void parameters.set('/cdk-bootstrap/hnb659fds/version', '4'),
      /is version 4 and has to be 6/,
    ],
    [
      'too little concurrency',
      'quotas',
      ({ limits }) => Object.assign(limits, { concurrency: 10 }),
      /may run 10 sandboxes.*reserves 50.*L-B99A9384/,
    ],
    [
      'code storage that is full',
      'quotas',
      ({ limits }) => Object.assign(limits, { code_free: 1024 }),
      /0 MiB left: delete old versions/,
    ],
    [
      'a region of two zones',
      'zones',
      ({ zones }) => void zones.splice(2),
      /wants 3 zones, and there are eu-central-1a, eu-central-1b: .*another region, or two zones/,
    ],
    [
      'a zone that RDS Proxy does not serve',
      'zones',
      (at) => {
        // Names differ from account to account, and ids do not.
        at.zones = ['a', 'b', 'c', 'd'].map((letter, index) => ({ name: `us-east-1${letter}`, id: `use1-az${4 - index}` }));
      },
      /RDS Proxy does not serve us-east-1b: name 3 of us-east-1a, us-east-1c, us-east-1d in network\.zone_names/,
    ],
    [
      'a zone that is away, and one that is of a city',
      'zones',
      (at) => {
        at.zones = [
          { name: 'eu-central-1-ham-1a', id: 'euc1-ham1-az1', type: 'local-zone' },
          { name: 'eu-central-1a', id: 'euc1-az2', state: 'unavailable' },
          ...at.zones.slice(1),
        ];
      },
      /there are eu-central-1b, eu-central-1c/,
    ],
    [
      'another zone',
      'domain',
      ({ zone }) => Object.assign(zone, { name: 'example.org' }),
      /is example\.org, and lib\/stages\.ts says example\.com/,
    ],
    ['a private zone', 'domain', ({ zone }) => Object.assign(zone, { is_private: true }), /is private/],
    ['no zone', 'domain', ({ zone }) => Object.assign(zone, { id: 'Z9' }), /NoSuchHostedZone|No hosted zone/],
    ['no certificate', 'certificate', ({ certificates }) => certificates.clear(), /Could not find certificate/],
    [
      'one not validated',
      'certificate',
      (at) => change(at, { Status: 'PENDING_VALIDATION' }),
      /is PENDING_VALIDATION, not ISSUED/,
    ],
    [
      'one for other names',
      'certificate',
      (at) => change(at, { SubjectAlternativeNames: [] }),
      /does not cover origin\.auth\.example\.com/,
    ],
    ['one that ends', 'certificate', (at) => change(at, { NotAfter: Date.now() / 1000 + 86_500 }), /ends in 1 days/],
  ];
  for (const [what, name, change, pattern] of cases)
    it(what, async () => {
      change(account);
      const finding = (await look()).get(name);
      assert.equal(finding?.verdict, 'not well');
      assert.match(finding?.detail ?? '', pattern);
    });
});

function change({ certificates }: Account, members: Record<string, unknown>): void {
  const arn = complete.domain?.certificate_arn ?? '';
  certificates.set(arn, { ...certificates.get(arn), ...members });
}

test('the command tells the same of a stage of the table, and ends with 4 where something is not well', async () => {
  putDocker('echo 29.1.0 arm64');
  const { code, json } = await runInProcess(['preflight', '--stage', 'dev', '--json'], {});
  assert.equal(code, 0, JSON.stringify(json));
  assert.deepEqual(
    json.checks.map(({ name, verdict }: Finding) => [name, verdict]),
    [
      ['settings', 'well'],
      ['credentials', 'well'],
      ['bootstrap', 'well'],
      ['quotas', 'well'],
      ['zones', 'well'],
      ['domain', 'skipped'],
      ['certificate', 'skipped'],
      ['docker', 'well'],
    ],
  );
  assert.match(json.checks.at(-1).detail, /^version 29\.1\.0, for backup, /);
  account.parameters.clear();
  assert.equal((await runInProcess(['preflight', '--stage', 'dev'], {})).code, 4);
});

test('where nobody is signed in it says what to do', async (t) => {
  const given = { ...process.env };
  t.after(() => Object.assign(process.env, given));
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE']) delete process.env[name];
  const nowhere = join(folder, 'nowhere');
  const files = { AWS_SHARED_CREDENTIALS_FILE: nowhere, AWS_CONFIG_FILE: nowhere, AWS_EC2_METADATA_DISABLED: 'true' };
  Object.assign(process.env, files);
  const { detail } = (await look()).get('credentials') ?? {};
  for (const name of Object.keys(files)) delete process.env[name];
  assert.match(detail ?? '', /: sign in, or set AWS_PROFILE$/);
});

test('Docker is asked for where functions are container images, and one that does not answer is found', async () => {
  putDocker('exit 1');
  const { code, json } = await runInProcess(['preflight', '--stage', 'dev', '--json'], {});
  assert.equal(code, 4);
  assert.match(json.checks.at(-1).detail, /^Docker builds backup, .* and does not answer: start it, or install it$/);
  const local = await runInProcess(['preflight', '--stage', 'local', '--json'], {});
  assert.equal(local.json.checks.at(-1).verdict, 'skipped');
});

const emulated = 'docker run --privileged --rm tonistiigi/binfmt --install arm64';

test('Docker on another architecture builds the images where it emulates arm64; where it does not, the command that installs it is named', async () => {
  const look = async (platforms: string) => {
    putDocker(`case "$1" in version) echo 29.1.0 amd64;; buildx) ${platforms};; *) exit 1;; esac`);
    return (await runInProcess(['preflight', '--stage', 'dev', '--json'], {})).json.checks.at(-1) as Finding;
  };
  assert.match((await look('echo "Platforms: linux/amd64, linux/arm64, linux/386"')).detail, /^version 29\.1\.0, for backup, /);
  for (const platforms of ['echo "Platforms: linux/amd64, linux/386"', 'echo "no such command" >&2; exit 1']) {
    const { verdict, detail } = await look(platforms);
    assert.equal(verdict, 'not well');
    assert.match(detail, /^Docker is of amd64, the images of backup, .* are of arm64/);
    assert.ok(detail.endsWith(emulated), detail);
  }
});

test('zones that the stage names are looked at instead of the first ones', async () => {
  account.zones = ['a', 'b', 'c', 'd'].map((letter, index) => ({ name: `us-east-1${letter}`, id: `use1-az${4 - index}` }));
  const zonesOf = async (...zone_names: string[]) => {
    const found = await readPreflightFacts({ ...stage, network: { cidr: '10.42.0.0/20', zones: 3, zone_names } });
    return found.find(({ name }) => name === 'zones');
  };
  const served = await zonesOf('us-east-1a', 'us-east-1c', 'us-east-1d');
  assert.deepEqual([served?.verdict, served?.detail], ['well', 'us-east-1a, us-east-1c, us-east-1d, which RDS Proxy serves']);
  assert.match(
    (await zonesOf('us-east-1a', 'us-east-1c', 'us-east-1f'))?.detail ?? '',
    /there is no zone us-east-1f: name 3 of us-east-1a, /,
  );
});

test('a setting that is not allowed is found before anybody is asked', async () => {
  const { code, json } = await runInProcess(['preflight', '--stage', 'emulator', '--json'], {
    OAUTH2_ACCESS_TOKEN_SECONDS: 'ten',
  });
  assert.equal(code, 4);
  assert.match(json.checks[0].detail, /OAUTH2_ACCESS_TOKEN_SECONDS/);
  assert.deepEqual(account.calls, []);
  const unknown = await runInProcess(['preflight', '--stage', 'nowhere', '--json'], {});
  assert.deepEqual([unknown.code, unknown.json.error.code], [2, 'usage']);
  assert.match(unknown.json.error.message, /there is no stage "nowhere"/);
});

test('a stage that retains its data and whose alarms write to nobody is told so', async () => {
  const { json } = await runInProcess(['preflight', '--stage', 'production', '--json'], {});
  const found = (json.checks as Finding[]).find(({ name }) => name === 'alarms');
  assert.equal(found?.verdict, 'skipped');
  assert.match(found?.detail ?? '', /no mail tells anybody: alarm_emails\.critical .* the topic oauth2-production-critical/);
  const trial = await runInProcess(['preflight', '--stage', 'dev', '--json'], {});
  assert.ok(!(trial.json.checks as Finding[]).some(({ name }) => name === 'alarms'));
});
