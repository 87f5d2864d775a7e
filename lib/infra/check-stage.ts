/** Checks a stage of the table: each wrong setting by its name, with what was given and what is allowed. */
import { readSetting } from '../config.ts';
import { routes } from '../routes.ts';
import { type SettingName, settings } from '../settings.ts';
import type { ManagedDatabase, Stage } from '../stages.ts';

/** One fact about a setting: its path in the stage, what it is, whether it is right, and what would be. */
type Finding = readonly [setting: string, given: unknown, right: boolean, allowed: string];

const logDays = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

/** One line for each thing about the stage that cannot be deployed. */
export function wrongFacts(stage: Stage & { readonly name: string }): string[] {
  const { name, account, region, network, database, log_days, throttle, reserved_concurrency, alarm_emails, canary } = stage;
  const findings: Finding[] = [
    ['name', name, /^[a-z][a-z0-9-]{1,15}$/.test(name), '2 to 16 lower-case letters, digits and hyphens'],
    ['account', account, account === undefined || /^\d{12}$/.test(account), '12 digits'],
    ['region', region, region === undefined || isRegion(region), 'the name of an AWS region'],
    ['region', region, (region === undefined) === (account === undefined), 'account and region together, or neither'],
    ['log_days', log_days, logDays.includes(log_days), logDays.join(', ')],
    ['retains', stage.retains, stage.deployed || !stage.retains, 'false where nothing is deployed'],
    ['backups.lock', stage.backups.lock, stage.retains || stage.backups.lock === 'none', 'none where the stage does not retain'],
    ...addressFindings(stage),
    ...backupFindings(stage),
    ...(database.kind === 'managed' ? databaseFindings(database) : []),
  ];
  if (network) findings.push(...networkFindings(network, region));
  if (database.kind === 'managed') findings.push(['network', network, network !== undefined, 'a network for a managed database']);
  for (const [key, value] of Object.entries(throttle)) {
    findings.push([`throttle.${key}`, value, isWhole(value, 1, 10_000), 'whole requests per second from 1 to 10000']);
    findings.push([`throttle.${key}`, key, key === 'each_route' || key in routes, 'each_route or the name of a route']);
  }
  for (const [key, value] of Object.entries(reserved_concurrency)) {
    findings.push([`reserved_concurrency.${key}`, value, isWhole(value, 1, 10_000), 'whole sandboxes from 1 to 10000']);
    findings.push([`reserved_concurrency.${key}`, key, key in routes, 'the name of a route']);
  }
  if (canary) {
    findings.push(['canary.percent', canary.percent, isWhole(canary.percent, 1, 99), 'whole per cent from 1 to 99']);
    // With the functions' versions and CloudFormation's own time, a deploy stays below its hour.
    findings.push(['canary.minutes', canary.minutes, isWhole(canary.minutes, 1, 45), 'whole minutes from 1 to 45']);
  }
  for (const address of [...alarm_emails.critical, ...alarm_emails.warning]) {
    findings.push(['alarm_emails', address, /^[^\s@]+@[^\s@]+$/.test(address), 'mail addresses']);
  }
  return findings
    .filter(([, , right]) => !right)
    .map(([path, given, , allowed]) => `${path} is ${show(given)}; allowed: ${allowed}`);
}

function networkFindings({ cidr, zones, zone_names }: NonNullable<Stage['network']>, region: string | undefined): Finding[] {
  const zoneOf = (name: string) => region !== undefined && name.slice(0, -1) === region && /[a-z]$/.test(name);
  return [
    ['network.cidr', cidr, isNetwork(cidr), 'a private IPv4 network of /16 to /22'],
    [
      'network.zone_names',
      zone_names,
      zone_names === undefined || (zone_names.length === zones && new Set(zone_names).size === zones && zone_names.every(zoneOf)),
      `${zones} different zones of the region, which is named too`,
    ],
  ];
}

function databaseFindings(database: ManagedDatabase): Finding[] {
  const {
    generation,
    instance_class,
    storage_gib,
    storage_limit_gib,
    backup_days,
    max_connections,
    work_mem_mib,
    slow_statement_ms,
  } = database;
  const graviton = /^db\.(t4g|[mrx]\d+gd?)\.(micro|small|medium|large|\d*xlarge)$/;
  return [
    ['database.generation', generation, generation === undefined || isWhole(generation, 1, 99), 'a whole number from 1 to 99'],
    ['database.instance_class', instance_class, graviton.test(instance_class), 'a Graviton class such as db.t4g.micro'],
    ['database.storage_gib', storage_gib, isWhole(storage_gib, 20, 65_536), 'whole GiB from 20 to 65536'],
    [
      'database.storage_limit_gib',
      storage_limit_gib,
      storage_limit_gib >= storage_gib * 1.1,
      'at least a tenth above storage_gib',
    ],
    ['database.backup_days', backup_days, isWhole(backup_days, 1, 35), 'whole days from 1 to 35'],
    ['database.max_connections', max_connections, isWhole(max_connections, 20, 10_000), 'a whole number from 20 to 10000'],
    ['database.work_mem_mib', work_mem_mib, isWhole(work_mem_mib, 1, 1024), 'whole MiB from 1 to 1024'],
    ['database.slow_statement_ms', slow_statement_ms, isWhole(slow_statement_ms, 1, 60_000), 'milliseconds from 1 to 60000'],
  ];
}

function backupFindings({ backups, region }: Stage): Finding[] {
  const { daily_days, monthly_years, lock, copy_region } = backups;
  const elsewhere = copy_region === undefined || (isRegion(copy_region) && region !== undefined && copy_region !== region);
  return [
    ['backups.daily_days', daily_days, isWhole(daily_days, 1, 3650), 'whole days from 1 to 3650'],
    // Deep Archive charges for half a year at least.
    ['backups.monthly_years', monthly_years, isWhole(monthly_years, 1, 100), 'whole years from 1 to 100'],
    ['backups.lock', lock, ['compliance', 'governance', 'none'].includes(lock), 'compliance, governance, none'],
    ['backups.copy_region', copy_region, elsewhere, 'another region than that of the stage, which is named too'],
  ];
}

function addressFindings({ issuer, domain, edge, deployed, reads_environment, region }: Stage): Finding[] {
  const findings: Finding[] = [];
  if (domain) {
    const { name, certificate_arn, hosted_zone } = domain;
    findings.push(['domain.name', name, hostName.test(name), 'a host name']);
    findings.push(['domain.certificate_arn', certificate_arn, isCertificate(certificate_arn), 'the ARN of an ACM certificate']);
    const inZone = hosted_zone === undefined || name === hosted_zone.name || name.endsWith(`.${hosted_zone.name}`);
    findings.push(['domain.hosted_zone.name', hosted_zone?.name, inZone, `a zone that ${name} is in`]);
  }
  // Clients compare the issuer with the address they asked, so it has to lead here (RFC 8414 §3.3).
  if (issuer && deployed && !reads_environment) {
    const served = domain !== undefined && URL.canParse(issuer) && new URL(issuer).host === domain.name;
    findings.push(['issuer', issuer, served, 'a URL on domain.name; without a domain, leave it out']);
  }
  if (edge) {
    const { certificate_arn, origin_name, origin_secret, requests_per_5_minutes: rate } = edge;
    findings.push(['domain', domain, domain !== undefined, 'a domain, which edge serves']);
    findings.push(['region', region, region !== undefined, 'a region: the edge stack itself is always in us-east-1']);
    findings.push(['edge.certificate_arn', certificate_arn, /^arn:aws:acm:us-east-1:/.test(certificate_arn), 'one in us-east-1']);
    findings.push([
      'edge.origin_name',
      origin_name,
      hostName.test(origin_name) && origin_name !== domain?.name,
      'another host name',
    ]);
    const counts = origin_secret === undefined || isWhole(origin_secret, 1, 999);
    findings.push(['edge.origin_secret', origin_secret, counts, 'a whole number from 1 to 999']);
    findings.push(['edge.requests_per_5_minutes', rate, isWhole(rate, 10, 2_000_000_000), 'a whole number of at least 10']);
  }
  return findings;
}

/** The settings of a stage by the same rules as the functions apply at their start. */
export function wrongSettings(stage: Stage): string[] {
  const values = { ...stage.settings, OAUTH2_ISSUER: stage.issuer ?? 'https://issuer.invalid' };
  const unknown = Object.keys(stage.settings).filter((name) => !(name in settings));
  const wrong = unknown.map((name) => `settings.${name} is no setting; allowed: ${Object.keys(settings).join(', ')}`);
  for (const name of Object.keys(settings) as SettingName[]) {
    try {
      readSetting(values, name);
    } catch (error) {
      wrong.push((error as Error).message);
    }
  }
  return wrong;
}

function isWhole(value: number, lowest: number, highest: number): boolean {
  return Number.isInteger(value) && value >= lowest && value <= highest;
}

function isRegion(name: string): boolean {
  return /^[a-z]{2}(-[a-z]+)+-\d$/.test(name);
}

function isNetwork(cidr: string): boolean {
  return /^(10\.\d{1,3}|172\.(1[6-9]|2\d|3[01])|192\.168)\.\d{1,3}\.0\/(1[6-9]|2[0-2])$/.test(cidr);
}

function isCertificate(arn: string): boolean {
  return /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/.test(arn);
}

function show(given: unknown): string {
  return given === undefined ? 'not set' : JSON.stringify(given);
}
