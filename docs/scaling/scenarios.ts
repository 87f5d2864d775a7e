/** The loads that are simulated, and the deployments that meet them. */
import { type Stage, stages } from '../../lib/stages.ts';
import type { Measured } from '../figures/measured.ts';
import type { DeploymentSettings, FunctionName, Work } from './deployment.ts';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly deployment: DeploymentSettings;
  /** `tokens`: independent requests to the token endpoint. `sign-ins`: people who walk through the whole flow. */
  readonly load: 'tokens' | 'sign-ins';
  /** Per second, before and after the step. */
  readonly before: number;
  readonly after: number;
  readonly step_at_s: number;
  /** When the load falls back. */
  readonly ends_at_s: number;
  readonly seconds: number;
}

/** What a new sandbox takes beside its own processor time, milliseconds: Lambda's part, TLS, the first connection. Assumed. */
const sandboxMs = 250;

/** What API Gateway and Lambda give every account. */
const quotas = { account_rps: 10_000, account_burst: 5_000, account_concurrency: 1_000 } as const;

/** Processors of the instance classes that the page names. */
const vcpu: Readonly<Record<string, number>> = { 'db.m7g.large': 2, 'db.m7g.2xlarge': 8, 'db.m7g.8xlarge': 32 };

/** The stage `production` as the table of stages has it. */
export function productionSettings(measured: Measured): DeploymentSettings {
  const stage: Stage = stages.production;
  const { database, throttle, reserved_concurrency } = stage;
  if (database.kind !== 'managed') throw new Error('production has no database of its own');
  const rps = (name: FunctionName) => throttle[name] ?? throttle.each_route;
  return {
    ...quotas,
    route_rps: { authorize: rps('authorize'), login: rps('login'), token: rps('token') },
    memory_mib: { authorize: 512, login: 1024, token: 512 },
    reserved: reserved_concurrency.login === undefined ? {} : { login: reserved_concurrency.login },
    cold_start_ms: measured.cold_start_cpu_ms + sandboxMs,
    connections: Math.floor(database.max_connections * 0.9),
    database_vcpu: vcpu[database.instance_class] as number,
  };
}

export function listScenarios(measured: Measured): readonly Scenario[] {
  const asIs = productionSettings(measured);
  const open: DeploymentSettings = {
    ...asIs,
    route_rps: { authorize: 4_000, login: 4_000, token: 20_000 },
    account_rps: 30_000,
    account_burst: 15_000,
    account_concurrency: 5_000,
  };
  const step = { step_at_s: 10, ends_at_s: 40, seconds: 40 } as const;
  const storm = { load: 'sign-ins', before: 2, after: 200, step_at_s: 20, ends_at_s: 80, seconds: 180 } as const;
  return [
    { ...step, name: 'ten', title: '10 tokens/s · production as it is', deployment: asIs, load: 'tokens', before: 10, after: 10 },
    {
      ...step,
      name: 'thousand',
      title: '1,000 tokens/s · production as it is',
      deployment: asIs,
      load: 'tokens',
      before: 100,
      after: 1_000,
    },
    {
      ...step,
      name: 'hundred-thousand',
      title: '100,000 tokens/s · production as it is',
      deployment: asIs,
      load: 'tokens',
      before: 1_000,
      after: 100_000,
    },
    {
      ...step,
      name: 'quotas-only',
      title: '10,000 tokens/s · quotas raised, database as it is',
      deployment: open,
      load: 'tokens',
      before: 1_000,
      after: 10_000,
    },
    {
      ...step,
      name: 'one-of-ten',
      title: '10,000 tokens/s, one region of ten · db.m7g.8xlarge',
      deployment: { ...open, database_vcpu: vcpu['db.m7g.8xlarge'] as number, connections: 1_800 },
      load: 'tokens',
      before: 1_000,
      after: 10_000,
    },
    { ...storm, name: 'storm', title: '200 sign-ins/s for a minute · production as it is', deployment: asIs },
    {
      ...storm,
      name: 'storm-ready',
      title: '200 sign-ins/s · login raised, db.m7g.2xlarge',
      deployment: {
        ...asIs,
        route_rps: { ...asIs.route_rps, login: 1_000 },
        memory_mib: { ...asIs.memory_mib, login: 1_769 },
        reserved: { login: 200 },
        database_vcpu: vcpu['db.m7g.2xlarge'] as number,
      },
    },
  ];
}

/** What a request to the token endpoint is, by a number from 0 to 1: of ten, six client credentials, three refreshes, one code. */
export function tokenWork({ requests }: Measured, draw: number): Work {
  const { cpu_ms, statements, database_ms } =
    draw < 0.6 ? requests.client_credentials : draw < 0.9 ? requests.refresh : requests.code_exchange;
  return { fn: 'token', cpu_ms, statements, statement_ms: database_ms / statements };
}

/** The requests of one sign-in. Those to pages are as dear as an introspection, and the password comes on top. */
export function signInSteps({ requests, password_ms }: Measured): readonly Work[] {
  const { cpu_ms, database_ms } = requests.introspection;
  const page = (fn: FunctionName, statements: number, more = 0): Work => ({
    fn,
    cpu_ms: cpu_ms + more,
    statements,
    statement_ms: database_ms,
  });
  const { code_exchange } = requests;
  return [
    page('authorize', 1),
    page('login', 1),
    page('login', 4, password_ms),
    page('authorize', 2),
    {
      fn: 'token',
      cpu_ms: code_exchange.cpu_ms,
      statements: code_exchange.statements,
      statement_ms: code_exchange.database_ms / code_exchange.statements,
    },
  ];
}
