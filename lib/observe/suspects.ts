/** Says what most likely made a stage otherwise than it was, and what to do about it, the likeliest first; pure. */
import { alarms } from '../alarms.ts';
import { type Procedure, procedures } from '../procedures.ts';
import type { Circumstances, Dependency, Happening } from './circumstances.ts';
import type { SymptomName } from './symptoms.ts';

export interface Suspect {
  readonly likelihood: 'very likely' | 'likely' | 'possible';
  readonly cause: string;
  readonly because: string;
  /** Commands, or what else to do. */
  readonly recommend: readonly string[];
  readonly runbook: string;
}

/** A suspect with its weight: from 80 on very likely, from 50 on likely. */
interface Weighed extends Omit<Suspect, 'likelihood'> {
  readonly weight: number;
}

const minute = 60_000;
/** How long before a symptom something may have happened that made it. */
const reachMs = 15 * minute;

/** Of the database's own reports those that make requests wait; bloat and settings make nothing slow from one hour to the next. */
const atOnce = ['locks', 'connections', 'statements'];

const pagesOf: Readonly<Record<Dependency['name'], readonly [runbook: string, weight: number, ...recommend: string[]]>> = {
  answers: ['function-not-starting', 95, 'oauth2ctl doctor', 'oauth2ctl rollback'],
  database: ['database-connection-issues', 99, 'oauth2ctl doctor', 'oauth2ctl status --detailed'],
  migrations: ['migrate', 90, 'oauth2ctl migration-status', 'oauth2ctl migrate --apply --reason "…"'],
  keys: ['environment-and-secrets', 97, 'oauth2ctl doctor', 'oauth2ctl status'],
  maintenance: ['maintenance', 98, 'oauth2ctl maintenance --off --apply --reason "…"'],
  events: [
    'performance-degradation',
    20,
    'oauth2ctl logs errors --since 1h: it is off the request path and slows nothing, but fills the log',
  ],
  metrics: ['metrics', 30, 'oauth2ctl logs --function aggregate-metrics --since 1h'],
};

function ofDependencies({ dependencies, symptoms }: Circumstances): Weighed[] {
  // What is answered 503 is no refusal: it explains nothing else than requests that fail.
  const explains = symptoms.length === 0 || symptoms.some(({ symptom }) => symptom === 'requests fail');
  return dependencies
    .filter(({ verdict }) => verdict === 'not well')
    .map(({ name, detail }) => {
      const [runbook, weight, ...recommend] = pagesOf[name];
      const cause =
        name === 'answers'
          ? 'the server does not answer'
          : name === 'maintenance'
            ? 'the stage is in maintenance'
            : `${name}: not well`;
      const weighed = name === 'maintenance' && !explains ? 30 : weight;
      return { weight: weighed, cause, because: detail, recommend, runbook };
    });
}

/** Whether it happened shortly before a symptom began, or in the step in which it did. */
function isNear(at: string, { symptoms }: Circumstances): boolean {
  return symptoms.some(({ since }) => {
    if (since === null) return false;
    const distance = Date.parse(since) - Date.parse(at);
    return distance <= reachMs && distance >= -2 * minute;
  });
}

/** What an operator's procedure can make of requests: who is shut out or revoked is refused, and fails nobody else. */
function effectsOf(procedure: string): readonly SymptomName[] {
  if (/^(block|unblock|revoke-|disable-|delete-)/.test(procedure)) return ['requests are refused', 'less is asked'];
  if (procedure === 'maintenance') return ['requests fail', 'less is asked'];
  if (/^(migrate|mend-database|purge-expired|rotate-database)/.test(procedure)) return ['requests fail', 'requests are slow'];
  return ['requests fail', 'requests are slow', 'requests are refused', 'less is asked'];
}

/** The page that says how an operator's procedure is taken back: its own, where it has one. */
function pageOf(procedure = ''): string {
  if (/^(restore-step|rewind-step|discard-restored)$/.test(procedure)) return 'restore';
  const row = (procedures as Readonly<Record<string, Procedure>>)[procedure];
  return row?.command ? procedure : 'change-configuration';
}

function ofHappenings(circumstances: Circumstances): Weighed[] {
  const { symptoms, happenings } = circumstances;
  const has = (...names: SymptomName[]) => symptoms.some(({ symptom }) => names.includes(symptom));
  // A client that is refused was understood: neither the database nor more load does that.
  const able: Readonly<Record<Happening['kind'], boolean>> = {
    release: has('requests fail', 'requests are slow', 'requests are refused', 'less is asked'),
    operator: has('requests fail', 'requests are slow', 'requests are refused', 'less is asked'),
    database: has('requests fail', 'requests are slow'),
  };
  return happenings
    .filter(({ kind, procedure }) => able[kind] && (procedure === undefined || has(...effectsOf(procedure))))
    .map(({ at, kind, what, procedure }): Weighed => {
      const near = isNear(at, circumstances);
      const because = `${near ? 'it began right after' : 'in the time that was looked at'}: ${at.slice(0, 19)}Z ${what}`;
      if (kind === 'release')
        return {
          weight: near ? 88 : 40,
          cause: 'a release',
          because,
          recommend: ['oauth2ctl rollback', 'oauth2ctl releases'],
          runbook: 'rollback',
        };
      if (kind === 'database')
        return {
          weight: near ? 85 : 35,
          cause: 'an event of the database',
          because,
          recommend: ['oauth2ctl doctor', 'oauth2ctl logs --function database --since 1h'],
          runbook: 'database-connection-issues',
        };
      const recommend = procedure === 'maintenance' ? ['oauth2ctl status'] : ['take it back as its page says under Undo'];
      return {
        weight: near ? 65 : 25,
        cause: `what an operator did: ${procedure}`,
        because,
        recommend,
        runbook: pageOf(procedure),
      };
    });
}

function ofMemory({ symptoms, crashes, memory_high }: Circumstances): Weighed[] {
  const hurts = symptoms.some(({ symptom }) => symptom === 'requests fail' || symptom === 'requests are slow');
  return memory_high.map(({ name, minutes }) => ({
    // A sandbox that takes all of it is ended.
    weight: crashes.some((one) => one.name === name) ? 79 : hurts ? 56 : 28,
    cause: `the function ${name} runs out of memory`,
    because: `${minutes === 1 ? 'in one minute' : `in ${minutes} minutes`} a sandbox had taken more than 80 % of it`,
    recommend: [`oauth2ctl logs --function ${name} --since 1h: its lines "memory"`, 'more memory for it, as the page says'],
    runbook: alarms.FunctionMemoryHigh.runbook,
  }));
}

function ofFunctions({ crashes, throttled }: Circumstances): Weighed[] {
  const own = crashes.map(({ name, kind, words }) => ({
    weight: 78,
    cause: `the function ${name} ${kind}`,
    because: words,
    recommend: ['oauth2ctl doctor', `oauth2ctl logs --crashed --function ${name}`],
    runbook: 'function-not-starting',
  }));
  if (throttled === 0) return own;
  const because = `${throttled} invocations found no sandbox`;
  return [
    ...own,
    { weight: 76, cause: 'Lambda has no sandbox left', because, recommend: ['oauth2ctl status --detailed'], runbook: 'scale' },
  ];
}

function ofDatabase({ symptoms, database }: Circumstances): Weighed[] {
  if (!symptoms.some(({ symptom }) => symptom === 'requests fail' || symptom === 'requests are slow')) return [];
  const { cpu_percent, memory_percent, p95_ms, p95_before_ms, findings } = database;
  const found: Weighed[] = findings.map(({ about, seen, change }) => ({
    weight: atOnce.includes(about) ? 74 : 30,
    cause: `the database: ${about}`,
    because: seen,
    recommend: [change, 'oauth2ctl database-report'],
    runbook: 'database-report',
  }));
  for (const [what, percent, limit] of [
    ['processors', cpu_percent, alarms.DatabaseCpuHigh.threshold],
    ['memory', memory_percent, alarms.DatabaseMemoryHigh.threshold],
  ] as const)
    if (percent !== null && percent > limit)
      found.push({
        weight: 72,
        cause: `the database runs out of ${what}`,
        because: `${Math.round(percent)} % are in use`,
        recommend: ['oauth2ctl database-report', 'a larger instance class, as the page says'],
        runbook: 'scale',
      });
  if (p95_ms !== null && p95_ms >= 25 && p95_ms >= 2 * (p95_before_ms ?? 0))
    found.push({
      weight: 60,
      cause: 'the database answers slowly',
      because: `p95 of its statements ${p95_ms} ms, before ${p95_before_ms ?? '–'} ms`,
      recommend: ['oauth2ctl database-report', 'oauth2ctl logs slow-queries --since 1h'],
      runbook: 'database-report',
    });
  return found;
}

function ofTraffic({ symptoms, failing, refusing }: Circumstances): Weighed[] {
  const has = (name: SymptomName) => symptoms.some(({ symptom }) => symptom === name);
  const found: Weighed[] = [];
  if (has('more is asked'))
    found.push({
      weight: symptoms.length > 1 ? 58 : 45,
      cause: 'more load than before',
      because: 'the rate of requests has risen',
      recommend: [
        'oauth2ctl access-report --since 1h: who asks',
        'oauth2ctl block --client CLIENT_ID, or the limits of the stage',
        'more room',
      ],
      runbook: 'rate-limits',
    });
  if (has('requests are refused')) {
    const route = refusing[0]?.route;
    found.push({
      weight: 52,
      cause: `clients are refused${route === undefined ? '' : `, most of them at ${route}`}`,
      because: '4xx is the client: a wrong secret, an attack, or a release that refuses what it took before',
      recommend: [
        'oauth2ctl logs auth-failures --since 1h',
        'oauth2ctl access-report --since 1h',
        'oauth2ctl block --client CLIENT_ID, or --address RANGE',
      ],
      runbook: 'high-error-rate',
    });
  }
  if (has('less is asked'))
    found.push({
      weight: 45,
      cause: 'clients do not reach the server, or ask less',
      because: 'the rate of requests has fallen',
      recommend: ['oauth2ctl doctor: certificate and address', 'ask a client that is missing'],
      runbook: 'certificates',
    });
  const all = failing.reduce((sum, { requests }) => sum + requests, 0);
  const [first] = failing;
  if (has('requests fail') && first && first.requests >= 0.8 * all)
    found.push({
      weight: 50,
      cause: `only ${first.route} fails`,
      because: `${first.requests} of ${all} answers of 5xx are its own`,
      recommend: [`oauth2ctl logs errors --function ${first.route} --since 1h`],
      runbook: 'high-error-rate',
    });
  return found;
}

/** Where nothing else helps: the code that runs. */
function lastResort({ stage, symptoms }: Circumstances): Weighed[] {
  if (!symptoms.some(({ symptom }) => symptom === 'requests fail' || symptom === 'requests are slow')) return [];
  const recommend = stage === 'local' ? ['mend the source: a running instance takes the change in'] : ['oauth2ctl rollback'];
  return [
    {
      weight: 22,
      cause: 'the code that runs',
      because: 'it goes on, and nothing above explains it',
      recommend,
      runbook: 'rollback',
    },
  ];
}

const likelihoodOf = (weight: number): Suspect['likelihood'] =>
  weight >= 80 ? 'very likely' : weight >= 50 ? 'likely' : 'possible';

export function findSuspects(circumstances: Circumstances): Suspect[] {
  return [
    ...ofDependencies(circumstances),
    ...ofHappenings(circumstances),
    ...ofFunctions(circumstances),
    ...ofMemory(circumstances),
    ...ofDatabase(circumstances),
    ...ofTraffic(circumstances),
    ...lastResort(circumstances),
  ]
    .sort((one, other) => other.weight - one.weight)
    .map(({ weight, ...suspect }) => ({ likelihood: likelihoodOf(weight), ...suspect }));
}
