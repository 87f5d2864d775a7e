/** What most likely changed a stage, from its circumstances: the order of causes, and what is recommended for each. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Circumstances, Dependency, Happening } from '../../lib/observe/circumstances.ts';
import { findSuspects, type Suspect } from '../../lib/observe/suspects.ts';

const began = '2026-11-25T02:30:00.000Z';
const minutesBefore = (minutes: number) => new Date(Date.parse(began) - minutes * 60_000).toISOString();

const calm: Circumstances = {
  stage: 'production',
  symptoms: [],
  happenings: [],
  dependencies: [{ name: 'database', verdict: 'well', detail: '' }],
  failing: [],
  refusing: [],
  crashes: [],
  throttled: 0,
  memory_high: [],
  database: { cpu_percent: 20, memory_percent: 40, p95_ms: 3, p95_before_ms: 3, findings: [] },
};
const fails = [{ symptom: 'requests fail', since: began }] as const;
const slow = [{ symptom: 'requests are slow', since: began }] as const;

function suspects(change: Partial<Circumstances>): Suspect[] {
  const found = findSuspects({ ...calm, ...change });
  for (const { runbook } of found) assert.ok(existsSync(join(import.meta.dirname, '../../runbooks', `${runbook}.md`)), runbook);
  return found;
}
const causes = (change: Partial<Circumstances>) => suspects(change).map(({ likelihood, cause }) => `${cause}: ${likelihood}`);
const happened = (kind: Happening['kind'], at: string, procedure?: string): Happening => ({
  at,
  kind,
  what: 'something',
  ...(procedure !== undefined && { procedure }),
});

test('a stage that is as before has no suspects, whatever happened to it', () => {
  assert.deepEqual(causes({ happenings: [happened('release', minutesBefore(2)), happened('database', minutesBefore(2))] }), []);
});

test('a release right before the errors is what to take back first', () => {
  const [first] = suspects({
    symptoms: fails,
    happenings: [happened('operator', minutesBefore(4), 'block'), happened('release', minutesBefore(3))],
  });
  assert.deepEqual(
    [first?.cause, first?.likelihood, first?.recommend[0], first?.runbook],
    ['a release', 'very likely', 'oauth2ctl rollback', 'rollback'],
  );
});

test('a release long before, or after they began, is only possible', () => {
  for (const at of [minutesBefore(40), minutesBefore(-10)])
    assert.ok(causes({ symptoms: fails, happenings: [happened('release', at)] }).includes('a release: possible'));
});

test('a database that is away comes before the release, and a failover right before the errors close behind', () => {
  const away: Dependency = { name: 'database', verdict: 'not well', detail: '/ready says: database unreachable' };
  const happenings = [happened('release', minutesBefore(3)), happened('database', minutesBefore(1))];
  assert.deepEqual(causes({ symptoms: fails, happenings, dependencies: [away] }).slice(0, 3), [
    'database: not well: very likely',
    'a release: very likely',
    'an event of the database: very likely',
  ]);
});

test('an event of the database does not explain that clients are refused, a release does', () => {
  const happenings = [happened('database', minutesBefore(1)), happened('release', minutesBefore(1))];
  const found = causes({ symptoms: [{ symptom: 'requests are refused', since: began }], happenings });
  assert.deepEqual(found, ['a release: very likely', 'clients are refused: likely']);
});

test('each dependency that is not well is named with its page, also without a symptom; what is not enabled is not', () => {
  for (const [name, runbook] of [
    ['keys', 'environment-and-secrets'],
    ['migrations', 'migrate'],
    ['maintenance', 'maintenance'],
    ['answers', 'function-not-starting'],
    ['metrics', 'metrics'],
    ['events', 'performance-degradation'],
  ] as const) {
    const [found] = suspects({ dependencies: [{ name, verdict: 'not well', detail: 'as it says' }] });
    assert.equal(found?.runbook, runbook);
    assert.ok((found?.recommend.length ?? 0) > 0);
  }
  assert.deepEqual(causes({ dependencies: [{ name: 'events', verdict: 'not enabled', detail: '' }] }), []);
});

test('events that are not delivered slow nothing: they come last', () => {
  const dependencies: Dependency[] = [{ name: 'events', verdict: 'not well', detail: '/events/health answers 503' }];
  const found = causes({ symptoms: slow, dependencies, throttled: 3 });
  assert.deepEqual([found[0], found.at(-1)], ['Lambda has no sandbox left: likely', 'events: not well: possible']);
});

test('functions that crash, sandboxes that run out, a database at its limit, locks and slow statements', () => {
  const found = suspects({
    symptoms: slow,
    crashes: [{ name: 'token', kind: 'runs out of time', words: 'Task timed out' }],
    throttled: 12,
    database: {
      cpu_percent: 93,
      memory_percent: 85,
      p95_ms: 120,
      p95_before_ms: 4,
      findings: [
        { about: 'locks', seen: 'process 7 waits', change: 'end process 9' },
        { about: 'bloat', seen: 'dead rows', change: 'vacuum' },
      ],
    },
  });
  assert.deepEqual(
    found.map(({ cause }) => cause),
    [
      'the function token runs out of time',
      'Lambda has no sandbox left',
      'the database: locks',
      'the database runs out of processors',
      'the database runs out of memory',
      'the database answers slowly',
      'the database: bloat',
      'the code that runs',
    ],
  );
  assert.equal(found.find(({ cause }) => cause.includes('locks'))?.recommend[0], 'end process 9');
});

test('only one endpoint that fails leads to its own errors', () => {
  const found = suspects({
    symptoms: fails,
    failing: [
      { route: 'introspect', requests: 45 },
      { route: 'token', requests: 5 },
    ],
  });
  assert.deepEqual(found[0]?.recommend, ['oauth2ctl logs errors --function introspect --since 1h']);
  assert.ok(
    !causes({
      symptoms: fails,
      failing: [
        { route: 'a', requests: 10 },
        { route: 'b', requests: 10 },
      ],
    }).some((cause) => cause.startsWith('only')),
  );
});

test('a wave of refusals is the clients or an attack, more or less load is told as such', () => {
  assert.match(
    causes({
      symptoms: [{ symptom: 'requests are refused', since: began }],
      refusing: [{ route: 'token', requests: 90 }],
    }).join(),
    /^clients are refused, most of them at token: likely/,
  );
  assert.deepEqual(causes({ symptoms: [{ symptom: 'more is asked', since: began }] }), ['more load than before: possible']);
  assert.match(
    causes({ symptoms: [...slow, { symptom: 'more is asked', since: began }] }).join(),
    /more load than before: likely/,
  );
  assert.deepEqual(causes({ symptoms: [{ symptom: 'less is asked', since: null }] }), [
    'clients do not reach the server, or ask less: possible',
  ]);
});

test('errors that nothing explains end in a rollback, on this machine in a change of the source', () => {
  assert.deepEqual(suspects({ symptoms: fails }).at(-1)?.recommend, ['oauth2ctl rollback']);
  assert.match(suspects({ symptoms: fails, stage: 'local' }).at(-1)?.recommend[0] ?? '', /^mend the source/);
});

test('who was shut out or revoked makes nothing fail, and what was done to the database makes nobody refused', () => {
  const near = (procedure: string) => ({ happenings: [happened('operator', minutesBefore(1), procedure)] });
  const refused = [{ symptom: 'requests are refused', since: began }] as const;
  const blamed = (circumstances: Partial<Circumstances>) => causes(circumstances).some((one) => one.includes('an operator did'));
  for (const procedure of ['block', 'revoke-tokens', 'disable-client', 'delete-user'])
    assert.deepEqual(
      [blamed({ symptoms: fails, ...near(procedure) }), blamed({ symptoms: refused, ...near(procedure) })],
      [false, true],
      procedure,
    );
  for (const procedure of ['migrate', 'mend-database', 'purge-expired'])
    assert.deepEqual(
      [blamed({ symptoms: fails, ...near(procedure) }), blamed({ symptoms: refused, ...near(procedure) })],
      [true, false],
      procedure,
    );
  // It makes 503, which is no refusal.
  assert.deepEqual(
    [blamed({ symptoms: fails, ...near('maintenance') }), blamed({ symptoms: refused, ...near('maintenance') })],
    [true, false],
  );
  for (const procedure of ['rotate-signing-keys', 'restore-step'])
    assert.deepEqual(
      [blamed({ symptoms: fails, ...near(procedure) }), blamed({ symptoms: refused, ...near(procedure) })],
      [true, true],
      procedure,
    );
});

test('maintenance explains that requests fail, and is no more than told where they are refused', () => {
  const dependencies: Dependency[] = [{ name: 'maintenance', verdict: 'not well', detail: '/ready says that it is' }];
  assert.equal(causes({ symptoms: fails, dependencies })[0], 'the stage is in maintenance: very likely');
  assert.deepEqual(causes({ symptoms: [{ symptom: 'requests are refused', since: began }], dependencies }), [
    'clients are refused: likely',
    'the stage is in maintenance: possible',
  ]);
});

test('a function that takes most of its memory is named: before its crash, among what makes slow, or just told', () => {
  const memory_high = [{ name: 'token', minutes: 3 }];
  const crashes = [{ name: 'token', kind: 'ends in mid-work', words: 'signal: killed' }];
  const [first, second] = suspects({ symptoms: fails, memory_high, crashes });
  assert.deepEqual([first?.cause, first?.runbook], ['the function token runs out of memory', 'scale']);
  assert.equal(first?.because, 'in 3 minutes a sandbox had taken more than 80 % of it');
  assert.equal(second?.cause, 'the function token ends in mid-work');
  assert.equal(causes({ symptoms: slow, memory_high })[0], 'the function token runs out of memory: likely');
  assert.deepEqual(causes({ memory_high }), ['the function token runs out of memory: possible']);
});
