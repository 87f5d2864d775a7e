/** The stage table: everything that differs between one deployment and another, as typed data. */
import type { RouteName } from './routes.ts';
import type { settings } from './settings.ts';

/** RDS Postgres behind RDS Proxy, made by the data stack. */
export interface ManagedDatabase {
  readonly kind: 'managed';
  /**
   * 1, where it is absent. One more has CloudFormation make the instance anew, empty, under another name, and leave the one of before to itself:
   * for an instance that is lost.
   */
  readonly generation?: number;
  /** RDS instance class of a Graviton family, with its leading `db.`. */
  readonly instance_class: string;
  /** GiB at first. */
  readonly storage_gib: number;
  /** GiB that storage may grow to by itself. */
  readonly storage_limit_gib: number;
  readonly multi_az: boolean;
  /** Days back that a point-in-time recovery can reach. */
  readonly backup_days: number;
  readonly max_connections: number;
  /** Memory that one sort or hash may take before it spills, MiB. */
  readonly work_mem_mib: number;
  /** Statements that take this long are logged, milliseconds. */
  readonly slow_statement_ms: number;
}

/** A Postgres that somebody else runs: the embedded one, or one beside an emulator. */
export interface ExternalDatabase {
  readonly kind: 'external';
  readonly host: string;
  readonly port: number;
  /** Name of the secret with its administrator, where there is one. */
  readonly administrator_secret?: string;
}

/** Dumps in a bucket of the stage, beside the database's own snapshots. */
export interface Backups {
  /** Days that daily ones are kept, and those by hand, before a deploy and before a restore. */
  readonly daily_days: number;
  /** Years that monthly ones are kept, in S3 Glacier Deep Archive. */
  readonly monthly_years: number;
  /** Who may delete them before: nobody at all, whoever may bypass the governance, or whoever may delete objects. */
  readonly lock: 'compliance' | 'governance' | 'none';
  /** Another region in which every object has a copy; without one, a region that is lost takes the backups with it. */
  readonly copy_region?: string;
}

export interface Stage {
  /** Account and region belong together; without them the stacks fit every account and region. */
  readonly account?: string;
  readonly region?: string;
  /** Whether CloudFormation carries it out; if not, the local runtime reads its template and migrates by itself. */
  readonly deployed: boolean;
  /** Whether the environment of the command changes settings and the database's address. */
  readonly reads_environment: boolean;
  /** What its AWS cannot do, as an emulator cannot; it is left out of the templates. */
  readonly lacks?: readonly (
    | 'saved queries'
    | 'metric math'
    | 'exact policies'
    | 'rotation schedules'
    | 'field patterns'
    | 'container images'
    | 'policies and archives of buses'
  )[];
  /** The issuer; without one it is the custom domain or, without that too, the address that API Gateway gives. */
  readonly issuer?: string;
  /** The name under which clients reach the API, with a certificate for it in the stage's region. */
  readonly domain?: {
    readonly name: string;
    readonly certificate_arn: string;
    /** Route 53 zone that gets the record; without one the record is the operator's. */
    readonly hosted_zone?: { readonly id: string; readonly name: string };
  };
  /**
   * CloudFront and WAF in front of the domain; its certificate is in us-east-1. Functions refuse then what did not come through it, and count and block the
   * addresses that it names.
   */
  readonly edge?: {
    readonly certificate_arn: string;
    /** The API's own name, behind CloudFront; the domain's certificate covers it as well. */
    readonly origin_name: string;
    /**
     * Number of the secret that CloudFront sends to the API; 1, where it is absent. One more makes another one: functions accept it beside that of before,
     * and then CloudFront sends it.
     */
    readonly origin_secret?: number;
    /** Requests of one address to token, login and register in five minutes. */
    readonly requests_per_5_minutes: number;
  };
  /** The VPC; without one, functions run outside of any. */
  readonly network?: {
    readonly cidr: string;
    readonly zones: 2 | 3;
    /** Those zones by their names, where the first ones of the region do not fit; to name others later replaces the subnets. */
    readonly zone_names?: readonly string[];
  };
  readonly database: ManagedDatabase | ExternalDatabase;
  readonly backups: Backups;
  /** Folder with Postgres's client programs, where functions are no container images that hold them; default: on the PATH. */
  readonly postgres_programs?: string;
  /** Whether data, keys and logs outlive their stack, and the database refuses to be deleted. */
  readonly retains: boolean;
  /** Days that logs are kept, as CloudWatch Logs allows them. */
  readonly log_days: number;
  /** Requests per second that API Gateway lets through; twice as many in a burst. */
  readonly throttle: { readonly each_route: number } & { readonly [name in RouteName]?: number };
  /** What a new version of an endpoint gets of the traffic, and for how long, before it gets all; without it, all at once. */
  readonly canary?: { readonly percent: number; readonly minutes: number };
  /** Sandboxes that a function keeps for itself and never exceeds; taken from the account's concurrency. */
  readonly reserved_concurrency: { readonly [name in RouteName]?: number };
  /** Addresses that alarms write to. */
  readonly alarm_emails: { readonly critical: readonly string[]; readonly warning: readonly string[] };
  /** Values of the settings table; what is not named keeps its default. */
  readonly settings: { readonly [name in keyof typeof settings]?: string };
}

/** What a stage that only serves developers has in common. */
const unattended = {
  backups: { daily_days: 7, monthly_years: 1, lock: 'none' },
  retains: false,
  reserved_concurrency: {},
  alarm_emails: { critical: [], warning: [] },
} as const;

export const stages = {
  local: {
    ...unattended,
    deployed: false,
    reads_environment: true,
    lacks: ['container images'],
    database: { kind: 'external', host: '127.0.0.1', port: 5432, administrator_secret: 'oauth2/local/database-administrator' },
    log_days: 1,
    throttle: { each_route: 10_000 },
    settings: { OAUTH2_REGISTRATION: 'open' },
  },
  emulator: {
    ...unattended,
    deployed: true,
    reads_environment: true,
    lacks: [
      'saved queries',
      'metric math',
      'exact policies',
      'rotation schedules',
      'field patterns',
      'container images',
      'policies and archives of buses',
    ],
    database: { kind: 'external', host: '127.0.0.1', port: 5432 },
    log_days: 1,
    throttle: { each_route: 10_000 },
    settings: { OAUTH2_REGISTRATION: 'open' },
  },
  dev: {
    ...unattended,
    deployed: true,
    reads_environment: false,
    network: { cidr: '10.40.0.0/20', zones: 2 },
    database: {
      kind: 'managed',
      instance_class: 'db.t4g.micro',
      storage_gib: 20,
      storage_limit_gib: 50,
      multi_az: false,
      backup_days: 1,
      max_connections: 80,
      work_mem_mib: 4,
      slow_statement_ms: 100,
    },
    log_days: 14,
    throttle: { each_route: 100, login: 10, register: 5 },
    settings: {},
  },
  staging: {
    ...unattended,
    deployed: true,
    reads_environment: false,
    network: { cidr: '10.41.0.0/20', zones: 2 },
    database: {
      kind: 'managed',
      instance_class: 'db.t4g.medium',
      storage_gib: 20,
      storage_limit_gib: 200,
      multi_az: true,
      backup_days: 7,
      max_connections: 200,
      work_mem_mib: 8,
      slow_statement_ms: 250,
    },
    log_days: 30,
    throttle: { each_route: 200, login: 20, register: 5 },
    canary: { percent: 10, minutes: 2 },
    settings: {},
  },
  production: {
    deployed: true,
    reads_environment: false,
    network: { cidr: '10.42.0.0/20', zones: 3 },
    database: {
      kind: 'managed',
      instance_class: 'db.m7g.large',
      storage_gib: 100,
      storage_limit_gib: 1000,
      multi_az: true,
      backup_days: 35,
      max_connections: 500,
      work_mem_mib: 8,
      slow_statement_ms: 500,
    },
    backups: { daily_days: 35, monthly_years: 7, lock: 'governance' },
    retains: true,
    log_days: 365,
    throttle: { each_route: 1000, token: 800, introspect: 1600, login: 50, register: 5 },
    // Longer than the alarms take that stop it: 5 minutes for errors, 10 for the response time.
    canary: { percent: 10, minutes: 15 },
    // Hashing passwords is the dearest thing that a stranger can ask for.
    reserved_concurrency: { login: 50 },
    alarm_emails: { critical: [], warning: [] },
    settings: { OAUTH2_REGISTRATION: 'off' },
  },
} as const satisfies Record<string, Stage>;

/** The stacks of a stage in the order of their deployment: each may use what stands before it. `oauth2-STAGE-PART` is a stack's name. */
export const stackParts = [
  'network',
  'data',
  'keys',
  'copies',
  'backups',
  'events',
  'ops',
  'api',
  'observability',
  'edge',
] as const;

export type StackPart = (typeof stackParts)[number];

/**
 * RDS's names of a stage's instances, the one that serves first, then those of the generations before it. They are fixed, so that CloudFormation never
 * replaces an instance unless the stage's row says so.
 * @param database of the stage's row, where the stage is not one of the table
 */
export function instanceNames(stage: string, database = (stages as Readonly<Record<string, Stage>>)[stage]?.database): string[] {
  const generation = (database?.kind === 'managed' && database.generation) || 1;
  const nameOf = (one: number) => (one === 1 ? `oauth2-${stage}` : `oauth2-${stage}-g${one}`);
  return Array.from({ length: generation }, (_, before) => nameOf(generation - before));
}

/** RDS's name of the instance that serves a stage. */
export const instanceName = (stage: string, database?: Stage['database']): string => instanceNames(stage, database)[0] as string;
