/** Turns the environment into a checked configuration: the only reader of process.env in function code. */
import { type EventKind, type EventType, eventTypes, isForeign, type RecordedType } from './event-types.ts';
import { type Setting, type SettingName, settings, wiring } from './settings.ts';

// Powertools looks into the environment some thirty times a request, and each look at the real one costs a microsecond.
process.env = { ...process.env };

const table: Record<string, Setting> = { ...wiring, ...settings };

/** A variable that is missing or wrong; its message is one line for the operator. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}

const parsers: Record<
  Setting['kind'],
  { accepts: (value: string, setting: Setting) => boolean; allowed: (setting: Setting) => string }
> = {
  text: { accepts: (value) => value.length <= 2048, allowed: () => 'a text' },
  url: { accepts: isUrl, allowed: () => 'an https URL (http on a loopback address) without query or fragment' },
  urls: {
    accepts: (value) => value.split(' ').every(isUri),
    allowed: () => 'absolute URIs without fragment, separated by spaces',
  },
  seconds: { accepts: isInRange, allowed: (setting) => `whole seconds from ${setting.allowed?.[0]} to ${setting.allowed?.[1]}` },
  count: { accepts: isInRange, allowed: (setting) => `a whole number from ${setting.allowed?.[0]} to ${setting.allowed?.[1]}` },
  switch: { accepts: (value) => value === 'true' || value === 'false', allowed: () => 'true or false' },
  choice: {
    accepts: (value, setting) => (setting.allowed as readonly string[]).includes(value),
    allowed: (setting) => (setting.allowed ?? []).join(', '),
  },
  choices: {
    accepts: (value, setting) => value.split(' ').every((one) => (setting.allowed as readonly string[]).includes(one)),
    allowed: (setting) => `some of these, separated by single spaces: ${(setting.allowed ?? []).join(', ')}`,
  },
  sha256: { accepts: (value) => /^[0-9a-f]{64}$/.test(value), allowed: () => '64 lower-case hexadecimal digits' },
  scope: {
    accepts: (value) => /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(value),
    allowed: () => 'scope values separated by single spaces (RFC 6749 §3.3)',
  },
  colour: { accepts: (value) => /^#[0-9a-f]{6}$/i.test(value), allowed: () => 'a colour as #rrggbb' },
};

function isUri(value: string): boolean {
  return URL.canParse(value) && !value.includes('#');
}

function isUrl(value: string): boolean {
  if (!URL.canParse(value) || /[?#\s]/.test(value)) return false;
  const url = new URL(value);
  const loopback = /^(127\.0\.0\.1|\[::1\]|localhost|.+\.localhost)$/.test(url.hostname);
  // RFC 8414 §2: an issuer is an https URL without query or fragment; plain http is for a developer's own machine.
  return url.username === '' && !value.endsWith('/') && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback));
}

function isInRange(value: string, setting: Setting): boolean {
  const [lowest, highest] = setting.allowed as readonly [number, number];
  return /^\d{1,10}$/.test(value) && Number(value) >= lowest && Number(value) <= highest;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of one variable, checked; an empty one counts as absent.
 * @throws {ConfigurationError} naming the variable, what was given and what is allowed
 */
export function readSetting(environment: Environment, name: SettingName): string {
  const setting = table[name] as Setting;
  const given = environment[name];
  if (given === undefined || given === '') {
    if (setting.default !== undefined) return setting.default;
    throw new ConfigurationError(`${name} is not set; allowed: ${parsers[setting.kind].allowed(setting)} (${setting.purpose})`);
  }
  if (parsers[setting.kind].accepts(given, setting)) return given;
  throw new ConfigurationError(
    `${name} is ${JSON.stringify(given.slice(0, 100))}; allowed: ${parsers[setting.kind].allowed(setting)}`,
  );
}

export interface Config {
  readonly stage: string;
  readonly release: string;
  readonly version: string;
  readonly schema_version: number;
  readonly issuer: string;
  readonly origin_secrets: readonly string[];
  readonly access_token_seconds: number;
  readonly access_token_alg: 'ES256' | 'RS256';
  readonly id_token_seconds: number;
  readonly code_seconds: number;
  readonly refresh_idle_seconds: number;
  readonly refresh_absolute_seconds: number;
  readonly refresh_grace_seconds: number;
  readonly session_seconds: number;
  readonly registration: 'open' | 'token' | 'off';
  readonly registration_token_sha256: string;
  readonly registration_scope: string;
  readonly registration_require_pkce: boolean;
  readonly resources: readonly string[];
  readonly metrics_token_sha256: string;
  readonly theme: { readonly name: string; readonly logo_url: string; readonly accent: string; readonly accent_dark: string };
}

/**
 * The operator's choices, all of them checked.
 * @throws {ConfigurationError} at the first variable that is missing or wrong
 */
export function readConfig(environment: Environment = process.env): Config {
  const read = (name: SettingName) => readSetting(environment, name);
  const registration = read('OAUTH2_REGISTRATION') as Config['registration'];
  const registrationToken = read('OAUTH2_REGISTRATION_TOKEN_SHA256');
  if (registration === 'token' && registrationToken === '') {
    throw new ConfigurationError(
      'OAUTH2_REGISTRATION_TOKEN_SHA256 is not set, but OAUTH2_REGISTRATION is "token"; allowed: the SHA-256 of the initial access token',
    );
  }
  return {
    stage: read('OAUTH2_STAGE'),
    release: read('OAUTH2_RELEASE'),
    version: read('OAUTH2_VERSION'),
    schema_version: Number(read('OAUTH2_SCHEMA_VERSION')),
    issuer: read('OAUTH2_ISSUER'),
    origin_secrets: read('OAUTH2_ORIGIN_SECRETS').split(' ').filter(Boolean),
    access_token_seconds: Number(read('OAUTH2_ACCESS_TOKEN_SECONDS')),
    access_token_alg: read('OAUTH2_ACCESS_TOKEN_ALG') as Config['access_token_alg'],
    id_token_seconds: Number(read('OAUTH2_ID_TOKEN_SECONDS')),
    code_seconds: Number(read('OAUTH2_CODE_SECONDS')),
    refresh_idle_seconds: Number(read('OAUTH2_REFRESH_IDLE_SECONDS')),
    refresh_absolute_seconds: Number(read('OAUTH2_REFRESH_ABSOLUTE_SECONDS')),
    refresh_grace_seconds: Number(read('OAUTH2_REFRESH_GRACE_SECONDS')),
    session_seconds: Number(read('OAUTH2_SESSION_SECONDS')),
    registration,
    registration_token_sha256: registrationToken,
    registration_scope: read('OAUTH2_REGISTRATION_SCOPE'),
    registration_require_pkce: read('OAUTH2_REGISTRATION_REQUIRE_PKCE') === 'true',
    resources: read('OAUTH2_RESOURCES').split(' ').filter(Boolean),
    metrics_token_sha256: read('OAUTH2_METRICS_TOKEN_SHA256'),
    theme: {
      name: read('OAUTH2_THEME_NAME'),
      logo_url: read('OAUTH2_THEME_LOGO_URL'),
      accent: read('OAUTH2_THEME_ACCENT'),
      accent_dark: read('OAUTH2_THEME_ACCENT_DARK'),
    },
  };
}

export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: boolean;
  readonly prepare: boolean;
  readonly connections: number;
  readonly authentication: 'iam' | 'none';
  /** AWS region of the function; empty elsewhere. */
  readonly region: string;
}

/** Where the database is and as whom the function connects. @throws {ConfigurationError} */
export function readDatabaseConfig(environment: Environment = process.env): DatabaseConfig {
  return {
    host: readSetting(environment, 'OAUTH2_DATABASE_HOST'),
    port: Number(readSetting(environment, 'OAUTH2_DATABASE_PORT')),
    database: readSetting(environment, 'OAUTH2_DATABASE_NAME'),
    user: readSetting(environment, 'OAUTH2_DATABASE_USER'),
    tls: readSetting(environment, 'OAUTH2_DATABASE_TLS') === 'require',
    prepare: readSetting(environment, 'OAUTH2_DATABASE_PREPARE') === 'true',
    connections: Number(readSetting(environment, 'OAUTH2_DATABASE_CONNECTIONS')),
    authentication: readSetting(environment, 'OAUTH2_DATABASE_AUTHENTICATION') as DatabaseConfig['authentication'],
    region: environment.AWS_REGION ?? '',
  };
}

/** Where the database itself is, not its proxy, and as whom it is dumped. @throws {ConfigurationError} */
export function readDumpConfig(environment: Environment = process.env): DatabaseConfig & { readonly ca_file: string } {
  const own = readDatabaseConfig(environment);
  return {
    ...own,
    host: readSetting(environment, 'OAUTH2_BACKUP_DATABASE_HOST') || own.host,
    user: 'oauth2_backup',
    connections: 1,
    // The certificates that Node was told to add, for Postgres's own programs.
    ca_file: environment.NODE_EXTRA_CA_CERTS ?? '',
  };
}

/** Where backups go, and where Postgres's programs are. @throws {ConfigurationError} */
export function readBackupConfig(environment: Environment = process.env) {
  const read = (name: SettingName) => readSetting(environment, name);
  return {
    stage: read('OAUTH2_STAGE'),
    release: read('OAUTH2_RELEASE'),
    programs: { folder: read('OAUTH2_POSTGRES_PROGRAMS'), path: environment.PATH ?? '' },
    storage: {
      bucket: read('OAUTH2_BACKUP_BUCKET'),
      lock: read('OAUTH2_BACKUP_LOCK') as 'none' | 'governance' | 'compliance',
      monthly_days: Number(read('OAUTH2_BACKUP_MONTHLY_DAYS')),
    },
  };
}

/** What a restore may take, and what a loss may cost. @throws {ConfigurationError} */
export function readRecoveryGoals(environment: Environment = process.env) {
  return {
    recovery_time_seconds: Number(readSetting(environment, 'OAUTH2_RECOVERY_TIME_SECONDS')),
    recovery_point_seconds: Number(readSetting(environment, 'OAUTH2_RECOVERY_POINT_SECONDS')),
  };
}

/** Bucket that takes the trail of events. @throws {ConfigurationError} */
export function readTrailBucket(environment: Environment = process.env): string {
  return readSetting(environment, 'OAUTH2_BACKUP_BUCKET');
}

/** Which events the function's statements write, and under which name. @throws {ConfigurationError} */
export function readEventContext(environment: Environment = process.env) {
  const mode = readSetting(environment, 'OAUTH2_EVENTS');
  const listed = new Set(readSetting(environment, 'OAUTH2_EVENTS_TYPES').split(' '));
  const publishes = (type: RecordedType) =>
    // The list is of what this server records itself.
    mode === 'allow_all' || (mode !== 'off' && (isForeign(type) || listed.has(type) === (mode === 'include')));
  return {
    /** Whether a type goes to the bus. */
    publishes,
    // What a restore has to carry out again is recorded in any case.
    records: (type: EventType) => publishes(type) || (eventTypes[type] as EventKind).replayed !== undefined,
    producer: environment.AWS_LAMBDA_FUNCTION_NAME ?? 'oauth2',
  };
}

/** Name of the bus that events go to; empty where the stage has none. @throws {ConfigurationError} */
export function readEventBus(environment: Environment = process.env): string {
  return readSetting(environment, 'OAUTH2_EVENTS_BUS');
}

/** Whether the stage sends events to a bus. @throws {ConfigurationError} */
export function sendsEvents(environment: Environment = process.env): boolean {
  return readSetting(environment, 'OAUTH2_EVENTS') !== 'off';
}

/** How long a delivered event stays in the database, milliseconds. @throws {ConfigurationError} */
export function readEventRetention(environment: Environment = process.env): number {
  return Number(readSetting(environment, 'OAUTH2_EVENTS_RETENTION_DAYS')) * 86_400_000;
}

/** How long the metrics of a minute stay in the database, milliseconds. @throws {ConfigurationError} */
export function readMetricsRetention(environment: Environment = process.env): number {
  return Number(readSetting(environment, 'OAUTH2_METRICS_RETENTION_DAYS')) * 86_400_000;
}

/** ARN of the secret with the database's administrator; empty where the roles exist. @throws {ConfigurationError} */
export function readAdministratorSecret(environment: Environment = process.env): string {
  return readSetting(environment, 'OAUTH2_DATABASE_ADMIN_SECRET');
}

/** ARN of the secret with the private signing keys. @throws {ConfigurationError} */
export function readSigningSecret(environment: Environment = process.env): string {
  return readSetting(environment, 'OAUTH2_SIGNING_SECRET');
}

/**
 * The credentials that Lambda gives the function, as they are now.
 * @throws {ConfigurationError} where there are none
 */
export function readCredentials(environment: Environment = process.env) {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = environment;
  if (!accessKeyId || !secretAccessKey)
    throw new ConfigurationError('AWS_ACCESS_KEY_ID is not set; allowed: the credentials of a Lambda function');
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
