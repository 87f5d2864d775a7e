/** Drill: promtool's own time runs over the rules of docs/prometheus: each alert fires for what it says, and not one step below. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { recordDrill } from './record.ts';

const root = join(import.meta.dirname, '../..');
const programs = execFileSync(join(root, '.ci/prometheus.sh'), { encoding: 'utf8' }).trim();
const folder = mkdtempSync(join(tmpdir(), 'oauth2-prometheus-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Alerts of a rule file after minutes of series, in promtool's own time. */
function alertsAfter(rules: string, series: Readonly<Record<string, string>>, minutes: number, alert: string): boolean {
  const input_series = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  const none = [{ eval_time: `${minutes}m`, alertname: alert, exp_alerts: [] }];
  const file = join(folder, 'case.yml');
  // It expects no alert, so that it fails where one fires.
  writeFileSync(
    file,
    JSON.stringify({
      rule_files: [rules],
      evaluation_interval: '30s',
      tests: [{ interval: '30s', input_series, alert_rule_test: none }],
    }),
  );
  const { status, stdout, stderr } = spawnSync(join(programs, 'promtool'), ['test', 'rules', file], { encoding: 'utf8' });
  const said = `${stdout}${stderr}`;
  assert.ok(status === 0 || said.includes(`alertname="${alert}"`) || said.includes(`alertname: ${alert}`), said);
  return status !== 0;
}

const total = 'oauth2_server_http_requests_total';
const buckets = (slow: number) => ({
  'oauth2_server_http_request_duration_seconds_bucket{le="0.25"}': `0+${100 - slow}x60`,
  'oauth2_server_http_request_duration_seconds_bucket{le="0.5"}': `0+${100 - slow}x60`,
  'oauth2_server_http_request_duration_seconds_bucket{le="1"}': '0+100x60',
  'oauth2_server_http_request_duration_seconds_bucket{le="+Inf"}': '0+100x60',
});

test('each alert fires for what it says, and not one step below', () => {
  const { status, stderr } = spawnSync(join(programs, 'promtool'), ['check', 'rules', join(root, 'docs/prometheus/alerts.yml')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const rules = join(root, 'docs/prometheus/alerts.yml');
  const errors = (failed: number) => ({
    [`${total}{status="200"}`]: `0+${100 - failed}x60`,
    [`${total}{status="503"}`]: `0+${failed}x60`,
  });
  const routes = (name: string, series: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(series).map(([labels, each]) => [
        `oauth2_server_http_${name}{route="token",method="POST",${labels}}`,
        `0+${each}x900`,
      ]),
    );
  // Of ten thousand in half a minute.
  const failing = (failed: number) =>
    routes('requests_total_by_route', { 'status="200"': 10_000 - failed, 'status="500"': failed });
  const slow = (late: number) => ({
    ...routes('request_duration_seconds_by_route_bucket', {
      'status="200",le="0.5"': 10_000 - late,
      'status="200",le="+Inf"': 10_000,
    }),
    ...routes('request_duration_seconds_by_route_count', { 'status="200"': 10_000 }),
  });
  const cases = [
    ['HighErrorRate', errors(6), errors(5), 12],
    ['ErrorRateRaised', errors(3), errors(2), 20],
    ['TargetDown', { 'up{job="oauth2-server"}': '0x20' }, { 'up{job="oauth2-server"}': '1x20' }, 4],
    ['TokenAvailabilityBurnsFast', failing(61), failing(60), 420],
    ['TokenAvailabilityBurns', failing(11), failing(10), 420],
    ['TokenLatencyBurnsFast', slow(601), slow(599), 420],
    ['TokenLatencyBurns', slow(101), slow(99), 420],
    ['HighResponseTime', buckets(6), buckets(5), 20],
    ['DatabaseDown', { 'up{job="oauth2-database"}': '0x10' }, { 'up{job="oauth2-database"}': '1x10' }, 3],
    [
      'ActiveTokensHigh',
      { oauth2_server_oauth_active_tokens: '100001x60' },
      { oauth2_server_oauth_active_tokens: '100000x60' },
      20,
    ],
  ] as const;
  const fired: Record<string, string> = {};
  for (const [alert, wrong, right, minutes] of cases) {
    assert.equal(alertsAfter(rules, wrong, minutes, alert), true, `${alert} does not fire`);
    assert.equal(alertsAfter(rules, right, minutes, alert), false, `${alert} fires one step below`);
    fired[alert] = 'fires, and not one step below';
  }
  recordDrill({
    name: 'prometheus-alerts',
    shows: 'promtool feeds each rule of docs/prometheus/alerts.yml what makes it fire, and one step less',
    figures: fired,
  });
});

/** As it stands in the runbooks of before. */
const formerErrorRate = `100 * (
  rate(oauth2_server_http_requests_total{status=~"5.."}[5m]) /
  rate(oauth2_server_http_requests_total[5m])
)`;

test('of before, the error alert fires for a single failure in ten thousand, which ours does not', () => {
  const former = join(folder, 'former.yml');
  writeFileSync(
    former,
    JSON.stringify({
      groups: [{ name: 'former', rules: [{ alert: 'HighErrorRate', expr: `${formerErrorRate} > 5`, for: '5m' }] }],
    }),
  );
  const series = { [`${total}{status="200"}`]: '0+9999x60', [`${total}{status="500"}`]: '0+1x60' };
  assert.equal(alertsAfter(former, series, 12, 'HighErrorRate'), true);
  assert.equal(alertsAfter(join(root, 'docs/prometheus/alerts.yml'), series, 12, 'HighErrorRate'), false);
});
