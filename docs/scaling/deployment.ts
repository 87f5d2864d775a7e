/** A deployment as the simulation sees it: API Gateway's throttles, Lambda's sandboxes, the proxy's connections, the database's processors. */
import { Bucket, type Clock, Servers } from './events.ts';

export type FunctionName = 'authorize' | 'login' | 'token';

export interface DeploymentSettings {
  /** Requests per second of each route; twice as many at once. */
  readonly route_rps: Readonly<Record<FunctionName, number>>;
  /** Of all routes of the account in the region together. */
  readonly account_rps: number;
  readonly account_burst: number;
  readonly memory_mib: Readonly<Record<FunctionName, number>>;
  readonly account_concurrency: number;
  readonly reserved: { readonly [name in FunctionName]?: number };
  readonly cold_start_ms: number;
  /** Connections that the proxy keeps to the database. */
  readonly connections: number;
  readonly database_vcpu: number;
}

/** Of AWS, as its documentation gives them, and two that are assumed. */
export const fixed = {
  /** Sandboxes that one function may gain in ten seconds. */
  growth_per_10_s: 1000,
  /** Requests per second for each sandbox of the quota. */
  rps_per_sandbox: 10,
  mib_per_vcpu: 1769,
  borrow_timeout_ms: 5000,
  statement_timeout_ms: 4000,
  /** There and back between function, proxy and database. Assumed. */
  flight_ms: 2,
  /** Until the standby has a commit. Assumed. */
  commit_ms: 3,
} as const;

export type Refuser = 'gateway' | 'lambda' | 'database';

/** One request to one function. */
export interface Work {
  readonly fn: FunctionName;
  readonly cpu_ms: number;
  readonly statements: number;
  /** Processor time of the database for each statement. */
  readonly statement_ms: number;
}

interface Sandboxes {
  idle: number;
  busy: number;
  readonly limit: number;
  readonly growth: Bucket;
  readonly rate: Bucket;
}

export interface Peaks {
  concurrency: number;
  readonly connections: number;
}

export class Deployment {
  readonly #clock: Clock;
  readonly #settings: DeploymentSettings;
  readonly #random: () => number;
  readonly #routes: Readonly<Record<FunctionName, Bucket>>;
  readonly #account: Bucket;
  readonly #sandboxes: Readonly<Record<FunctionName, Sandboxes>>;
  readonly #shared: { busy: number; readonly limit: number; readonly rate: Bucket };
  readonly #connections: Servers;
  readonly #processors: Servers;
  #peak = 0;

  constructor(clock: Clock, settings: DeploymentSettings, random: () => number) {
    this.#clock = clock;
    this.#settings = settings;
    this.#random = random;
    const ofEach = <T>(make: (name: FunctionName) => T) =>
      ({ authorize: make('authorize'), login: make('login'), token: make('token') }) as const;
    const bucket = (rate: number, burst = rate) => new Bucket(clock, rate, burst);
    this.#routes = ofEach((name) => bucket(settings.route_rps[name], settings.route_rps[name] * 2));
    this.#account = bucket(settings.account_rps, settings.account_burst);
    const reserved = Object.values(settings.reserved).reduce((sum, each) => sum + each, 0);
    const unreserved = settings.account_concurrency - reserved;
    this.#shared = { busy: 0, limit: unreserved, rate: bucket(unreserved * fixed.rps_per_sandbox) };
    this.#sandboxes = ofEach((name) => {
      const limit = settings.reserved[name] ?? unreserved;
      return {
        idle: 0,
        busy: 0,
        limit,
        growth: bucket(fixed.growth_per_10_s / 10, fixed.growth_per_10_s),
        rate: bucket(limit * fixed.rps_per_sandbox),
      };
    });
    this.#connections = new Servers(clock, settings.connections, fixed.borrow_timeout_ms);
    this.#processors = new Servers(clock, settings.database_vcpu, fixed.statement_timeout_ms);
  }

  get peaks(): Peaks {
    return { concurrency: this.#peak, connections: this.#connections.peak };
  }

  /** Tells how the request ended, now or later. */
  serve(work: Work, done: (refused?: Refuser) => void): void {
    const refuser = this.#refuse(work.fn);
    if (refuser) {
      done(refuser);
      return;
    }
    const own = this.#sandboxes[work.fn];
    const shared = this.#settings.reserved[work.fn] === undefined ? this.#shared : undefined;
    const cold = own.idle === 0;
    if (!cold) own.idle -= 1;
    own.busy += 1;
    if (shared) shared.busy += 1;
    this.#peak = Math.max(this.#peak, this.#sandboxes.login.busy + this.#sandboxes.token.busy + this.#sandboxes.authorize.busy);
    const end = (refused?: Refuser) => {
      own.busy -= 1;
      own.idle += 1;
      if (shared) shared.busy -= 1;
      done(refused);
    };
    const share = Math.min(1, this.#settings.memory_mib[work.fn] / fixed.mib_per_vcpu);
    const computing = (work.cpu_ms * this.#spread()) / share + (cold ? this.#settings.cold_start_ms : 0);
    this.#clock.after(computing, () => this.#ask(work, work.statements, end));
  }

  /** Who refuses a request before any of our code runs. */
  #refuse(fn: FunctionName): Refuser | undefined {
    if (!this.#routes[fn].take() || !this.#account.take()) return 'gateway';
    const own = this.#sandboxes[fn];
    const shared = this.#settings.reserved[fn] === undefined ? this.#shared : undefined;
    if (own.busy >= own.limit || (shared !== undefined && shared.busy >= shared.limit)) return 'lambda';
    if (!(shared?.rate ?? own.rate).take()) return 'lambda';
    return own.idle === 0 && !own.growth.take() ? 'lambda' : undefined;
  }

  /** One statement after the other, each with a connection of its own from the proxy. */
  #ask(work: Work, left: number, end: (refused?: Refuser) => void): void {
    if (left < 1) {
      end();
      return;
    }
    const fail = () => end('database');
    const connected = () => {
      const giveBack = (then: () => void) => {
        this.#connections.leave();
        then();
      };
      const run = () =>
        this.#clock.after(work.statement_ms * this.#spread(), () => {
          this.#processors.leave();
          this.#clock.after(fixed.commit_ms, () => giveBack(() => this.#ask(work, left - 1, end)));
        });
      this.#processors.enter(run, () => giveBack(fail));
    };
    this.#clock.after(fixed.flight_ms, () => this.#connections.enter(connected, fail));
  }

  /** Around 1, never below a half: no two requests take equally long. */
  #spread(): number {
    return 0.5 - Math.log(1 - this.#random()) * 0.5;
  }
}
