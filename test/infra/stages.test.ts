/** A stage that cannot be deployed is refused before anything is synthesised, by the name of its setting. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readStage } from '../../lib/infra/read-stage.ts';
import { memoryBytes } from '../../lib/instance-memory.ts';
import { type ManagedDatabase, type Stage, stages } from '../../lib/stages.ts';
import { complete } from './complete-stage.ts';

const { production } = stages;
const database: ManagedDatabase = production.database;
const { region: _region, ...withoutRegion } = complete;
const { domain: _domain, issuer: _issuer, ...withoutDomain } = complete;
const { network: _network, ...withoutNetwork } = production;

/** What is wrong, as the stage and as the line that refuses it. */
const refused: readonly (readonly [what: string, stage: Stage, line: RegExp])[] = [
  [
    'backups for no day',
    { ...production, database: { ...database, backup_days: 0 } },
    /database\.backup_days is 0; allowed: whole days from 1 to 35/,
  ],
  [
    'copies in the region that may be lost',
    { ...complete, backups: { ...production.backups, copy_region: 'eu-central-1' } },
    /backups\.copy_region is "eu-central-1"; allowed: another region/,
  ],
  [
    'copies of a stage that may be in any region',
    { ...production, backups: { ...production.backups, copy_region: 'eu-west-1' } },
    /backups\.copy_region is "eu-west-1"; allowed: another region than that of the stage, which is named too/,
  ],
  [
    'an instance that is not Graviton',
    { ...production, database: { ...database, instance_class: 'db.m5.large' } },
    /database\.instance_class is "db\.m5\.large"; allowed: a Graviton/,
  ],
  [
    'half a generation',
    { ...production, database: { ...database, generation: 1.5 } },
    /database\.generation is 1\.5; allowed: a whole number from 1 to 99/,
  ],
  [
    'storage that cannot grow',
    { ...production, database: { ...database, storage_limit_gib: 100 } },
    /database\.storage_limit_gib is 100/,
  ],
  ['a database without a network', withoutNetwork, /network is not set; allowed: a network for a managed database/],
  ['a public network', { ...production, network: { cidr: '8.8.0.0/16', zones: 2 } }, /network\.cidr is "8\.8\.0\.0\/16"/],
  ['a retention that CloudWatch does not know', { ...production, log_days: 10 }, /log_days is 10; allowed: 1, 3, 5/],
  ['an account that is none', { ...complete, account: '1234' }, /account is "1234"; allowed: 12 digits/],
  ['an account without a region', withoutRegion, /region is not set; allowed: account and region together, or neither/],
  [
    'zones of another region',
    { ...complete, network: { cidr: '10.42.0.0/20', zones: 2, zone_names: ['eu-central-1a', 'eu-west-1b'] } },
    /network\.zone_names is .*; allowed: 2 different zones of the region, which is named too/,
  ],
  [
    'fewer zones than it has',
    { ...complete, network: { cidr: '10.42.0.0/20', zones: 3, zone_names: ['eu-central-1a', 'eu-central-1b'] } },
    /network\.zone_names is .*; allowed: 3 different zones/,
  ],
  [
    'one zone twice',
    { ...complete, network: { cidr: '10.42.0.0/20', zones: 2, zone_names: ['eu-central-1a', 'eu-central-1a'] } },
    /network\.zone_names is .*; allowed: 2 different zones/,
  ],
  [
    'zones of a stage that may be in any region',
    { ...production, network: { cidr: '10.42.0.0/20', zones: 2, zone_names: ['eu-central-1a', 'eu-central-1b'] } },
    /network\.zone_names is .*the region, which is named too/,
  ],
  [
    'no secret of the origin',
    { ...complete, edge: { ...(complete.edge as NonNullable<Stage['edge']>), origin_secret: 0 } },
    /edge\.origin_secret is 0; allowed: a whole number from 1 to 999/,
  ],
  ['an edge without a domain', withoutDomain, /domain is not set; allowed: a domain, which edge serves/],
  [
    'an issuer elsewhere',
    { ...complete, issuer: 'https://elsewhere.example' },
    /issuer is "https:\/\/elsewhere\.example"; allowed: a URL on domain\.name/,
  ],
  [
    'an issuer without a domain',
    { ...production, issuer: 'https://auth.example.com' },
    /issuer is .*without a domain, leave it out/,
  ],
  [
    'a throttle of no route',
    { ...production, throttle: { each_route: 5, tokens: 5 } as Stage['throttle'] },
    /throttle\.tokens is "tokens"; allowed: each_route or the name of a route/,
  ],
  ['half a request per second', { ...production, throttle: { each_route: 0.5 } }, /throttle\.each_route is 0\.5/],
  [
    'an address that is none',
    { ...production, alarm_emails: { critical: ['on-call'], warning: [] } },
    /alarm_emails is "on-call"; allowed: mail addresses/,
  ],
  [
    'a setting out of its range',
    { ...production, settings: { OAUTH2_CODE_SECONDS: '3600' } },
    /OAUTH2_CODE_SECONDS is "3600"; allowed: whole seconds from 5 to 600/,
  ],
  [
    'a setting that is none',
    { ...production, settings: { OAUTH2_CODE: '5' } as Stage['settings'] },
    /settings\.OAUTH2_CODE is no setting/,
  ],
];

describe('a stage', () => {
  for (const name of Object.keys(stages)) {
    it(`"${name}" of the table is right`, () => {
      assert.equal(readStage(name).name, name);
    });
  }

  it('that uses everything is right', () => {
    assert.equal(readStage('complete', { table: { complete } }).issuer, 'https://auth.example.com/tenant');
  });

  for (const [what, stage, line] of refused) {
    it(`with ${what} is refused by the setting's name`, () => {
      assert.throws(() => readStage('tried', { table: { tried: stage } }), line);
      assert.throws(() => readStage('tried', { table: { tried: stage } }), /^Error: stage "tried": /);
    });
  }

  it('with two mistakes is refused with both', () => {
    const tried: Stage = { ...production, log_days: 10, network: { cidr: '1.1.1.1/8', zones: 3 } };
    assert.throws(() => readStage('tried', { table: { tried } }), /log_days.*\n.*network\.cidr/);
  });

  it('that is not there is refused with those that are', () => {
    assert.throws(
      () => readStage('prod'),
      /there is no stage "prod" in lib\/stages\.ts; there are local, emulator, dev, staging, production/,
    );
  });

  it('of production has registration off', () => {
    assert.equal(production.settings.OAUTH2_REGISTRATION, 'off');
  });

  it('that is local takes issuer, settings and the address of its database from the environment', () => {
    const environment = {
      PORT: '9090',
      OAUTH2_CODE_SECONDS: '30',
      OAUTH2_DATABASE_PORT: '6543',
      OAUTH2_SIGNING_SECRET: 'not a setting',
      OAUTH2_RELEASE: '7',
    };
    const stage = readStage('local', { environment });
    assert.equal(stage.issuer, 'http://127.0.0.1:9090');
    assert.deepEqual(stage.settings, { OAUTH2_REGISTRATION: 'open', OAUTH2_CODE_SECONDS: '30' });
    const { administrator_secret } = stages.local.database;
    assert.deepEqual(stage.database, { kind: 'external', host: '127.0.0.1', port: 6543, administrator_secret });
    assert.equal(stage.release, '7');
  });

  it('that is deployed takes nothing from the environment but its release', () => {
    const stage = readStage('production', {
      environment: { OAUTH2_CODE_SECONDS: '30', OAUTH2_ISSUER: 'https://x.example', OAUTH2_RELEASE: '7' },
    });
    assert.deepEqual({ ...stage }, { ...production, name: 'production', release: '7', commit: 'unknown' });
  });

  it('tells how much memory its database has', () => {
    const gib = (instanceClass: string) => memoryBytes(instanceClass) / 1024 ** 3;
    assert.deepEqual(['db.t4g.micro', 'db.t4g.medium', 'db.m7g.large', 'db.r8g.4xlarge'].map(gib), [1, 4, 8, 128]);
    assert.throws(() => gib('db.z9.large'), /the memory of db\.z9\.large is not known/);
  });
});
