/** An incident, phase by phase: in its order, with evidence first, resumable after each cut, and reported as it was. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openStage, type TestStage } from './stage.ts';

let stage: TestStage;
let client_id: string;
let number = 0;
let id: string;
before(async () => {
  stage = await openStage();
  const { handler: makeKeys } = (await import('../../functions/ops/create-signing-keys/handler.ts')) as {
    handler: (event: unknown) => Promise<unknown>;
  };
  await makeKeys({ apply: true, actor: 'test' });
  const { json } = await stage.run([
    'create-client',
    '--name',
    'shop',
    '--json',
    '--grant-types',
    'client_credentials',
    '--apply',
    '--reason',
    'a test',
  ]);
  client_id = json.client_id;
});
beforeEach(() => {
  id = `case-${++number}`;
});
after(() => stage.stop());

const acting = ['--apply', '--reason', 'its secret leaked'];
const incident = (phase: string, ...words: string[]) => stage.run(['incident', phase, '--id', id, ...words]);
const open = (...words: string[]) =>
  incident('open', '--severity', 'high', '--owner', 'kim', '--note', 'a secret is public', ...words);
const stepsOf = async () => {
  const rows = await stage.bench.migrator.sql<{ step: string; outcome: string }[]>`
    select step, outcome from incident_steps where incident_id = ${id} order by started_at`;
  return rows.map(({ step, outcome }) => `${step}: ${outcome}`);
};

test('without --apply nothing is opened, and an incident needs severity, owner and note', async () => {
  const { code, stdout } = await open();
  assert.equal(code, 0);
  assert.match(stdout, /open the incident case-1 \(high\), led by kim\n {2}- keep how the stage stands/);
  assert.equal((await incident('contain', '--client', client_id)).code, 1);
  assert.match((await incident('open', '--owner', 'kim')).stderr, /needs --severity, --owner \(who leads\) and --note/);
  assert.equal((await incident('begin')).code, 2);
});

test('evidence is kept before anything is changed: key ids, counts, blocks, releases', async () => {
  assert.equal((await open(...acting)).code, 0);
  const [row] = await stage.bench.migrator.sql`select detail from incident_steps where incident_id = ${id}`;
  assert.ok(row?.detail.status.signing.keys.length > 0);
  assert.equal(row?.detail.status.counts.clients, 1);
  assert.deepEqual(row?.detail.blocks, []);
});

test('the order holds: nothing to eradicate before something was contained, but by force with a reason', async () => {
  await open(...acting);
  const early = await incident('eradicate', '--keys', ...acting);
  assert.equal(early.code, 1);
  assert.match(
    early.stderr,
    /eradicate comes after contain, and nothing of that was done: oauth2ctl incident contain, or --force/,
  );
  assert.match((await incident('recover', ...acting)).stderr, /recover comes after eradicate/);
  assert.equal((await incident('eradicate', '--client', client_id, '--force', ...acting)).code, 0);
  assert.match(
    (await incident('contain', ...acting)).stderr,
    /say what contain is to do: --client, --user, --address, --maintenance/,
  );
});

test('without evidence it does not go on', async () => {
  stage.crashNext({ errorMessage: 'cut off' });
  assert.notEqual((await open(...acting)).code, 0);
  const order = { input: { act: 'open', incident_id: id, severity: 'low', owner: 'kim', note: 'x' }, apply: true, reason: 'x' };
  const { handler } = (await import('../../functions/ops/record-incident/handler.ts')) as {
    handler: (event: unknown) => Promise<unknown>;
  };
  await handler(order);
  assert.match((await incident('contain', '--client', client_id, ...acting)).stderr, /nothing was kept of how the stage stood/);
  // Opening it again goes on with it.
  const again = await incident('open', ...acting);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await stepsOf(), ['evidence: done']);
});

test('without --id, opening goes on with the one that is open; evidence is kept once, and another note is not taken for it', async () => {
  await stage.bench.migrator.sql`update incidents set closed_at = now(), phase = 'closed' where closed_at is null`;
  const opening = ['incident', 'open', '--severity', 'high', '--owner', 'kim', ...acting];
  await open(...acting);
  const kept = () => stage.bench.migrator.sql`select started_at, detail from incident_steps where incident_id = ${id}`;
  const evidence = await kept();
  for (const more of [['--note', 'a secret is public'], []]) {
    const again = await stage.run([...opening, ...more, '--json']);
    assert.deepEqual([again.json.incident_id, again.json.taken], [id, [{ step: 'evidence', outcome: 'left out', detail: {} }]]);
  }
  assert.deepEqual(await kept(), evidence);
  const other = await stage.run([...opening, '--note', 'something else', '--json']);
  assert.equal(other.json.error.code, 'already_open');
  assert.match(other.json.error.message, new RegExp(`the incident ${id} of kim is open: --id ${id} goes on with it`));
  const [count] = await stage.bench.migrator.sql`select count(*)::int as open from incidents where closed_at is null`;
  assert.equal(count?.open, 1);
  await stage.bench.migrator.sql`update incidents set closed_at = now(), phase = 'closed' where incident_id = ${id}`;
  const closed = await incident('open', ...acting, '--json');
  assert.equal(closed.json.error.code, 'closed');
  const next = await stage.run([...opening, '--note', 'something else', '--json']);
  assert.match(next.json.incident_id, /^\d{4}-\d\d-\d\d-\d{4}$/);
});

test('an id of another form is refused with the form', async () => {
  for (const wrong of ['m1', 'a b c', '-abc', 'x'.repeat(62)]) {
    const { code, stderr } = await stage.run(['incident', 'open', `--id=${wrong}`, ...acting]);
    assert.equal(code, 1);
    assert.match(stderr, /allowed: 3 to 61 letters, digits and -, of which the first is no -/);
  }
});

test('each step is told as it begins, and what takes minutes as its command tells it', async () => {
  await open(...acting);
  stage.payloads.length = 0;
  const { stdout } = await incident('eradicate', '--client', client_id, '--force', ...acting);
  assert.match(stdout, new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}revoke the tokens of ${client_id}\\n`));
  const runs = stage.payloads.flatMap(({ name, payload }) => (/revoke-tokens/.test(name) ? [payload.progress] : []));
  assert.match(String(runs[0]), /^[0-9a-f-]{36}$/);
  stage.payloads.length = 0;
  const quiet = await incident('eradicate', '--client', client_id, '--force', ...acting, '--json');
  assert.equal(quiet.json.taken.length, 1);
  assert.deepEqual(
    stage.payloads.filter(({ payload }) => 'progress' in payload),
    [],
  );
});

test('maintenance mode that is on outside of the incident is named where it keeps the stage from being well', async () => {
  await open(...acting);
  await incident('eradicate', '--client', client_id, '--force', ...acting);
  const recover = () => incident('recover', '--close', ...acting);
  assert.match((await recover()).stdout, /Next: oauth2ctl verify; then the same command again/);
  await stage.run(['maintenance', '--on', ...acting]);
  const { code, stdout } = await recover();
  assert.equal(code, 4);
  assert.match(stdout, /Next: maintenance mode is on, and not by this incident.*\nNext: oauth2ctl maintenance --off --apply/);
  await stage.run(['maintenance', '--off', ...acting]);
});

test('every phase: who did harm is out, passwords, keys and tokens are new, who was blocked is back, and all of it is told', async () => {
  await open(...acting);
  const contained = await incident('contain', '--client', client_id, '--address', '203.0.113.0/24', '--maintenance', ...acting);
  assert.equal(contained.code, 0, contained.stderr);
  const before = await stage.bench.migrator.sql`select disabled_at from clients where client_id = ${client_id}`;
  assert.ok(before[0]?.disabled_at);
  const eradicated = await incident('eradicate', '--database-password', '--all-tokens', ...acting);
  assert.equal(eradicated.code, 0, eradicated.stderr);
  // No endpoint runs here: it is not well, and so it is not closed.
  const recovered = await incident('recover', '--lift-blocks', '--close', ...acting, '--json');
  assert.equal(recovered.code, 4, recovered.stderr);
  assert.deepEqual(
    recovered.json.taken.map(({ step, outcome }: { step: string; outcome: string }) => `${step}: ${outcome}`),
    [`lift ${client_id}: done`, 'lift 203.0.113.0/24: done', 'maintenance off: done', 'verify: not well'],
  );
  const [row] = await stage.bench.migrator
    .sql`select disabled_at, (select count(*)::int from blocks) as blocks from clients where client_id = ${client_id}`;
  assert.deepEqual({ ...row }, { disabled_at: null, blocks: 0 });
  const { stdout } = await incident('report');
  for (const expected of [
    /^# Incident case-\d/,
    /- Owner: kim/,
    /- Closed: not yet/,
    /- CloudTrail: – \(nothing records a local instance\)/,
    /- Keys: \S+ \((active|pending)\)/,
    /\* \| incident \| \S+ \| contain: block 203\.0\.113\.0\/24 \(its secret leaked\) \| done at/,
    /\* \| audit log \| \S+ \| revoke-tokens \(its secret leaked\) – before /,
    /\* \| audit log \| \S+ \| verify-administrator/,
    /- verify: failed/,
  ])
    assert.match(stdout, expected);
});

test('cut off in the middle of eradicating and run again, what was done is left out and the rest is done', async () => {
  await open(...acting);
  await incident('contain', '--address', '198.51.100.0/24', ...acting);
  const { sql } = stage.bench.migrator;
  await sql`revoke update on revocation_watermark from oauth2_operator`;
  const words = ['--database-password', '--all-tokens'];
  const cut = await incident('eradicate', ...words, ...acting);
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /revoke all tokens: .*done before it: rotate database password; run it again, it goes on/);
  assert.deepEqual((await stepsOf()).slice(2), ['rotate database password: done', 'revoke all tokens: failed']);
  await sql`grant update on revocation_watermark to oauth2_operator`;
  assert.match(
    (await incident('eradicate', ...words)).stdout,
    /leave out, done at .*\n {2}- once more, it did not end: revoke every token/,
  );
  const again = await incident('eradicate', ...words, ...acting, '--json');
  assert.deepEqual(
    again.json.taken.map(({ outcome }: { outcome: string }) => outcome),
    ['left out', 'done'],
  );
});

test('a closed incident takes no more steps', async () => {
  await open(...acting);
  await stage.bench.migrator.sql`update incidents set closed_at = now(), phase = 'closed' where incident_id = ${id}`;
  assert.match((await incident('contain', '--address', '192.0.2.1', ...acting)).stderr, /is closed: open another one/);
});
