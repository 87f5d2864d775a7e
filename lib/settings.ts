/** The settings table: every environment variable that configures the authorization server, with its default and what is allowed. */
import { eventTypeNames } from './event-types.ts';

export interface Setting {
  readonly kind: 'text' | 'url' | 'urls' | 'seconds' | 'count' | 'switch' | 'choice' | 'choices' | 'sha256' | 'scope' | 'colour';
  /** Absent: the variable is required by the functions that read it. */
  readonly default?: string;
  /** For `choice`, and for the space-separated `choices`: the values. For `seconds` and `count`: lowest and highest. */
  readonly allowed?: readonly string[] | readonly [number, number];
  readonly purpose: string;
}

/** Who this deployment is and where its parts are: set by the stacks, never by hand. */
export const wiring = {
  OAUTH2_STAGE: { kind: 'text', purpose: 'Name of the stage' },
  OAUTH2_RELEASE: { kind: 'text', default: 'unreleased', purpose: 'Release that the function belongs to' },
  OAUTH2_VERSION: { kind: 'text', default: '0.0.0', purpose: 'Version of the software' },
  OAUTH2_SCHEMA_VERSION: {
    kind: 'count',
    default: '0',
    allowed: [0, 9999],
    purpose: 'Migration that the functions of this release need',
  },
  OAUTH2_DATABASE_HOST: { kind: 'text', purpose: 'Host of the database or of its proxy' },
  OAUTH2_DATABASE_PORT: { kind: 'count', default: '5432', allowed: [1, 65535], purpose: 'Port of the database or of its proxy' },
  OAUTH2_DATABASE_NAME: { kind: 'text', default: 'oauth2', purpose: 'Name of the database' },
  OAUTH2_DATABASE_USER: { kind: 'text', purpose: 'Database role of the function' },
  OAUTH2_DATABASE_AUTHENTICATION: {
    kind: 'choice',
    default: 'none',
    allowed: ['iam', 'none'],
    purpose: 'How a role proves itself: by IAM token, or to a database that asks for nothing',
  },
  OAUTH2_DATABASE_TLS: {
    kind: 'choice',
    default: 'require',
    allowed: ['require', 'off'],
    purpose: 'Whether the connection is encrypted',
  },
  OAUTH2_DATABASE_PREPARE: {
    kind: 'switch',
    default: 'false',
    purpose: 'Named prepared statements: one flight fewer on a direct connection, but they pin a proxied one',
  },
  OAUTH2_DATABASE_CONNECTIONS: {
    kind: 'count',
    default: '1',
    allowed: [1, 50],
    purpose: 'Connections of one sandbox; a Lambda function serves one request at a time and needs one',
  },
  OAUTH2_DATABASE_ADMIN_SECRET: {
    kind: 'text',
    default: '',
    purpose: 'ARN of the secret with the database administrator, who creates the roles; empty where they exist',
  },
  OAUTH2_BACKUP_BUCKET: { kind: 'text', purpose: 'Name of the bucket with the backups' },
  OAUTH2_BACKUP_LOCK: {
    kind: 'choice',
    default: 'none',
    allowed: ['none', 'governance', 'compliance'],
    purpose: 'Whether the bucket keeps its objects from being deleted before their time',
  },
  OAUTH2_BACKUP_MONTHLY_DAYS: {
    kind: 'count',
    default: '2557',
    allowed: [1, 36_525],
    purpose: 'Days that a monthly backup is kept',
  },
  OAUTH2_BACKUP_DATABASE_HOST: {
    kind: 'text',
    default: '',
    purpose: 'Host of the database itself, where that of the function is a proxy',
  },
  OAUTH2_POSTGRES_PROGRAMS: {
    kind: 'text',
    default: '',
    purpose: "Folder with Postgres's client programs; empty: they are on the PATH",
  },
  OAUTH2_SIGNING_SECRET: { kind: 'text', purpose: 'ARN of the secret with the private signing keys' },
  OAUTH2_ORIGIN_SECRETS: {
    kind: 'text',
    default: '',
    purpose: 'What CloudFront proves itself by, space-separated; empty where it does not stand in front',
  },
  OAUTH2_EVENTS_BUS: { kind: 'text', default: '', purpose: 'Name of the bus that events go to; empty where the stage has none' },
} as const satisfies Record<string, Setting>;

/** What an operator may choose for a stage. */
export const settings = {
  OAUTH2_ISSUER: { kind: 'url', purpose: 'The issuer identifier: the URL under which clients reach the server' },
  OAUTH2_ACCESS_TOKEN_SECONDS: { kind: 'seconds', default: '900', allowed: [30, 86400], purpose: 'Lifetime of an access token' },
  OAUTH2_ACCESS_TOKEN_ALG: {
    kind: 'choice',
    default: 'ES256',
    allowed: ['ES256', 'RS256'],
    purpose: 'Algorithm that access tokens are signed with; those of before stay good',
  },
  OAUTH2_ID_TOKEN_SECONDS: { kind: 'seconds', default: '3600', allowed: [30, 86400], purpose: 'Lifetime of an ID token' },
  OAUTH2_CODE_SECONDS: { kind: 'seconds', default: '60', allowed: [5, 600], purpose: 'Lifetime of an authorization code' },
  OAUTH2_REFRESH_IDLE_SECONDS: {
    kind: 'seconds',
    default: '1209600',
    allowed: [60, 31536000],
    purpose: 'A refresh token unused for this long expires',
  },
  OAUTH2_REFRESH_ABSOLUTE_SECONDS: {
    kind: 'seconds',
    default: '7776000',
    allowed: [60, 63072000],
    purpose: 'A token family ends this long after the sign-in, however often it was refreshed',
  },
  OAUTH2_REFRESH_GRACE_SECONDS: {
    kind: 'seconds',
    default: '30',
    allowed: [0, 300],
    purpose: 'A rotated refresh token may be retried for this long; 0 treats every retry as reuse',
  },
  OAUTH2_SESSION_SECONDS: { kind: 'seconds', default: '43200', allowed: [60, 2592000], purpose: 'Lifetime of a sign-in session' },
  OAUTH2_REGISTRATION: {
    kind: 'choice',
    default: 'off',
    allowed: ['open', 'token', 'off'],
    purpose: 'Who may register clients (RFC 7591): anyone, holders of the initial access token, nobody',
  },
  OAUTH2_REGISTRATION_TOKEN_SHA256: {
    kind: 'sha256',
    default: '',
    purpose: 'Hex SHA-256 of the initial access token for `token`',
  },
  OAUTH2_REGISTRATION_SCOPE: {
    kind: 'scope',
    default: 'openid profile email offline_access',
    purpose: 'Scope that a dynamically registered client may have',
  },
  OAUTH2_REGISTRATION_REQUIRE_PKCE: {
    kind: 'switch',
    default: 'true',
    purpose: 'Whether dynamically registered confidential clients must use PKCE',
  },
  OAUTH2_RESOURCES: {
    kind: 'urls',
    default: '',
    purpose: 'Resource indicators (RFC 8707) that every client may request, space-separated',
  },
  OAUTH2_EVENTS: {
    kind: 'choice',
    default: 'exclude',
    allowed: ['allow_all', 'include', 'exclude', 'off'],
    purpose: 'Which changes leave an event: all, only the types listed, all but those, none',
  },
  OAUTH2_EVENTS_TYPES: {
    kind: 'choices',
    default: 'token_created',
    allowed: eventTypeNames,
    purpose: 'Types of events that `include` and `exclude` are about, space-separated',
  },
  OAUTH2_EVENTS_RETENTION_DAYS: {
    kind: 'count',
    default: '30',
    allowed: [1, 3650],
    purpose: 'Days that a delivered event stays in the database',
  },
  OAUTH2_RECOVERY_TIME_SECONDS: {
    kind: 'seconds',
    default: '600',
    allowed: [10, 840],
    purpose: 'Longest time that a restore may take; a slower drill fails',
  },
  OAUTH2_RECOVERY_POINT_SECONDS: {
    kind: 'seconds',
    default: '93600',
    allowed: [3600, 2_678_400],
    purpose: 'How old the newest backup may be; a drill that finds an older one fails',
  },
  OAUTH2_METRICS_TOKEN_SHA256: {
    kind: 'sha256',
    default: '',
    purpose: 'Hex SHA-256 of the bearer token for `/metrics`; without one there is no such page',
  },
  OAUTH2_METRICS_RETENTION_DAYS: {
    kind: 'count',
    default: '14',
    allowed: [1, 400],
    purpose: 'Days that the metrics of each minute stay in the database; totals stay for good',
  },
  OAUTH2_THEME_NAME: { kind: 'text', default: 'Authorization server', purpose: 'Name shown on the pages' },
  OAUTH2_THEME_LOGO_URL: { kind: 'url', default: '', purpose: 'Logo shown on the pages (https)' },
  OAUTH2_THEME_ACCENT: { kind: 'colour', default: '#0b57d0', purpose: 'Accent colour on a light background, `#rrggbb`' },
  OAUTH2_THEME_ACCENT_DARK: { kind: 'colour', default: '#a8c7fa', purpose: 'Accent colour on a dark background, `#rrggbb`' },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings | keyof typeof wiring;
