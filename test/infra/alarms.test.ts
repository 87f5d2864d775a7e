/** Every alarm of the template is fed values: it fires where it should, not one step below, and silence means what its row says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Alarm } from '../../lib/alarm.ts';
import { type AlarmName, alarmNames, alarms } from '../../lib/alarms.ts';
import { minutesOf } from '../../lib/infra/server-alarms.ts';
import { burnAlarms, objectiveNames, objectives } from '../../lib/objectives.ts';
import { ruleOf, spanOf, stateOf, watchedBy } from '../support/alarm-states.ts';
import { parseMetricMath } from '../support/metric-math.ts';
import { MetricStore } from '../support/metric-store.ts';
import { alarmCases, type Minute } from './alarm-cases.ts';
import { type Resource, synthesise } from './templates.ts';

/** With a domain, so that every row has its alarm. */
const stage = 'complete';
const templates = await synthesise(stage);
const nameOf = ({ properties }: Resource) => String(properties.AlarmName).replace(`oauth2-${stage}-`, '');
const made = templates.some('AWS::CloudWatch::Alarm');
const composites = templates.some('AWS::CloudWatch::CompositeAlarm');
/** Some minute; what is fed ends before it. */
const now = 10_000;

function feed(store: MetricStore, alarm: Resource, minute: Minute, from: number, to: number): void {
  for (const { key, metric } of watchedBy(templates, alarm)) {
    const values = minute[key];
    assert.ok(values !== undefined, `${nameOf(alarm)}: the case has no ${key}`);
    for (let at = from; at < to; at++) store.put(metric, at, ...[values].flat());
  }
}

describe('the alarm', () => {
  it('of each row is made, and has its case', () => {
    const rows = new Set(made.map((alarm) => nameOf(alarm).split('-')[0]));
    for (const name of alarmNames) assert.ok(rows.has(name), `${name} has no alarm`);
    assert.deepEqual(Object.keys(alarmCases).toSorted(), [...alarmNames].toSorted());
  });

  for (const alarm of made) {
    const name = nameOf(alarm).split('-')[0] as AlarmName;
    const cases = alarmCases[name];
    // Windows of an objective are fed below.
    if (!cases) continue;
    const { periods, minutes } = spanOf(templates, alarm);
    const span = periods * minutes;
    const state = (store: MetricStore) => stateOf(templates, alarm, store, now);
    const after = (steps: readonly (readonly [Minute, number])[]) => {
      const store = new MetricStore();
      let from = now - steps.reduce((total, [, length]) => total + length, 0);
      for (const [minute, length] of steps) {
        feed(store, alarm, minute, from, from + length);
        from += length;
      }
      return state(store);
    };

    it(`${nameOf(alarm)} fires after ${span} minutes, not one step below, and rests when it is over`, () => {
      const { threshold }: Alarm = alarms[name];
      assert.equal(span, minutesOf(alarms[name], /^[^-]+-(.*)$/.exec(nameOf(alarm))?.[1]));
      assert.equal(Number(alarm.properties.Threshold), threshold);
      for (const fires of [cases.fires, ...(cases.also_fires ?? [])]) assert.equal(after([[fires, span]]), 'ALARM');
      assert.equal(after([[cases.rests, span]]), 'OK');
      if (periods > 1) {
        assert.equal(
          after([
            [cases.rests, minutes],
            [cases.fires, span - minutes],
          ]),
          'OK',
        );
      }
      assert.equal(
        after([
          [cases.fires, span],
          [cases.rests, minutes],
        ]),
        'OK',
      );
    });

    it(`${nameOf(alarm)} takes silence as its row says`, () => {
      assert.equal(state(new MetricStore()), (alarms[name] as Alarm).silence === 'wrong' ? 'ALARM' : 'OK');
    });
  }
});

describe('a failure within one minute', () => {
  const stateAfterOne = (named: string) => {
    const alarm = made.find((one) => nameOf(one) === named) as Resource;
    const store = new MetricStore();
    feed(store, alarm, { value: 1 }, now - 1, now);
    return stateOf(templates, alarm, store, now);
  };

  it('of what comes again by itself within minutes calls nobody', () => {
    for (const name of ['aggregate-metrics', 'relay-events', 'publish-gauges', 'collect-logout-notices'])
      for (const kind of ['ProcedureFailed', 'FunctionCrashing'])
        assert.equal(stateAfterOne(`${kind}-${name}`), 'OK', `${kind}-${name}`);
  });

  it('of a job of the day or the hour, of an endpoint or of an operator calls somebody', () => {
    for (const name of [
      'ProcedureFailed-backup',
      'ProcedureFailed-purge-expired',
      'ProcedureFailed-revoke-tokens',
      'FunctionCrashing-token',
    ])
      assert.equal(stateAfterOne(name), 'ALARM', name);
  });
});

/** Minutes of an objective in which `rate` times as much is bad as 30 days allow. */
const burning: Readonly<Record<(typeof objectiveNames)[number], (rate: number) => Minute>> = {
  TokenAvailability: (rate) => ({ invoked: 100_000, unavailable: 100 * rate, unexpected: 0, crashed: 0, throttled: 0 }),
  TokenLatency: (rate) => {
    const slow = Math.round(10 * rate);
    const durations = (of: number, tooSlow: number) => Array.from({ length: of }, (_, index) => (index < tooSlow ? 0.501 : 0.5));
    return {
      issued: durations(1000, slow),
      refused: durations(5, 0),
      unknown: durations(5, 0),
    };
  },
};

/** As the store takes it: one metric is watched by two statistics, and fed once. */
function burn(store: MetricStore, objective: (typeof objectiveNames)[number], rate: number, from: number, to: number): void {
  const values = burning[objective](rate);
  const window = made.find((alarm) => nameOf(alarm).startsWith(`${objective}-`)) as Resource;
  for (const { key, metric } of watchedBy(templates, window)) {
    if (values[key] === undefined) continue;
    // Every window is some times five minutes.
    for (let at = from; at < to; at += 5) store.put(metric, at, ...[values[key]].flat());
  }
}

const windowOf = (objective: string, minutes: number, factor: number) =>
  made.find((alarm) => nameOf(alarm) === `${objective}-${minutes}min-${factor}x`) as Resource;

describe('the objective', () => {
  for (const objective of objectiveNames) {
    for (const { suffix, severity, burns } of burnAlarms) {
      const alarm = composites.find((one) => nameOf(one) === `${objective}${suffix}`) as Resource;
      const state = (store: MetricStore) => stateOf(templates, alarm, store, now);

      it(`${objective}${suffix} is made, says what to do, and tells the topic ${severity}`, () => {
        assert.ok(alarm);
        assert.match(String(alarm.properties.AlarmDescription), new RegExp(`runbooks/${objectives[objective].runbook}\\.md$`));
        assert.equal(ruleOf(templates, alarm).match(/ALARM\(/g)?.length, 4);
        for (const actions of [alarm.properties.AlarmActions, alarm.properties.OKActions] as (readonly never[])[]) {
          assert.match(templates.text(alarm.part, actions[0]), new RegExp(`/${severity}$`));
        }
      });

      it(`${objective}${suffix} rests in silence, and without a request`, () => {
        assert.equal(state(new MetricStore()), 'OK');
      });

      for (const { factor, short, long } of burns) {
        it(`${objective}${suffix} fires above ${factor} × in the last ${short} and ${long} minutes`, () => {
          // Below the lowest factor nothing fires; below a higher one, another pair of windows may.
          const lowest = Math.min(...burns.map((one) => one.factor));
          const rates = factor === lowest ? [factor + 0.1, factor - 0.1] : [factor + 0.1];
          const states = rates.map((rate) => {
            const store = new MetricStore();
            burn(store, objective, rate, now - long, now);
            return state(store);
          });
          assert.deepEqual(states, factor === lowest ? ['ALARM', 'OK'] : ['ALARM']);
        });
      }

      it(`${objective}${suffix} rests when only a short window burns, and each window by itself sees what it should`, () => {
        for (const { factor, short, long } of burns) {
          const windows = [short, long].map((minutes) => windowOf(objective, minutes, factor));
          const brief = new MetricStore();
          burn(brief, objective, 0, now - 4320, now - short);
          burn(brief, objective, factor + 0.2, now - short, now);
          assert.deepEqual(
            [...windows, alarm].map((one) => stateOf(templates, one, brief, now)),
            ['ALARM', 'OK', 'OK'],
          );
          const over = new MetricStore();
          burn(over, objective, 2 * factor, now - long, now - short);
          burn(over, objective, 0, now - short, now);
          assert.deepEqual(
            windows.map((one) => stateOf(templates, one, over, now)),
            ['OK', 'ALARM'],
          );
        }
      });
    }
  }

  it('has windows that CloudWatch takes: no longer than a week, none below an hour longer than a day', () => {
    for (const alarm of made) {
      const { periods, minutes } = spanOf(templates, alarm);
      assert.ok(periods * minutes <= (minutes >= 60 ? 7 : 1) * 1440, nameOf(alarm));
      const periodsWatched = new Set(watchedBy(templates, alarm).map((watched) => watched.minutes));
      assert.equal(periodsWatched.size, 1, `${nameOf(alarm)} mixes periods`);
    }
  });

  it('tells nobody by its windows, only by what is composed of them', () => {
    const windows = made.filter((alarm) => objectiveNames.some((name) => nameOf(alarm).startsWith(`${name}-`)));
    assert.equal(windows.length, objectiveNames.length * 8);
    for (const { properties } of windows)
      assert.deepEqual([properties.AlarmActions, properties.OKActions], [undefined, undefined]);
  });
});

describe('metric math', () => {
  it('computes as CloudWatch does: precedence, comparison, and nothing where a value is missing', () => {
    assert.equal(parseMetricMath('1 + 2 * 3 - 4 / 2')({}), 5);
    assert.equal(parseMetricMath('a > 1 OR b > 1 AND c > 1')({ a: 2, b: 2, c: 0 }), 1);
    assert.equal(parseMetricMath('(a > 1 OR b > 1) AND c > 1')({ a: 2, b: 2, c: 0 }), 0);
    assert.equal(parseMetricMath('IF((a) > 1, 100 * b / a, 0)')({ a: 4, b: 1 }), 25);
    assert.equal(parseMetricMath('a + b')({ a: 1 }), undefined);
    assert.equal(parseMetricMath('FILL(a, 0) + b')({ b: 2 }), 2);
    assert.equal(parseMetricMath('IF(a > 0, 1, 2)')({}), undefined);
  });

  it('that it does not know is refused', () => {
    assert.throws(() => parseMetricMath('METRICS()'), /METRICS is not known|is not known here/);
    assert.throws(() => parseMetricMath('a b'), /b was not expected/);
  });
});
