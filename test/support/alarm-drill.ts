/** Tells whether an alarm of the complete stage would fire if its minutes had been like what was seen, and where it leads. */
import assert from 'node:assert/strict';
import { burnAlarms } from '../../lib/objectives.ts';
import { type Resource, synthesise, type Templates } from '../infra/templates.ts';
import { spanOf, stateOf, watchedBy } from './alarm-states.ts';
import { MetricStore } from './metric-store.ts';

export type MetricLine = Readonly<Record<string, unknown>>;

export interface Seen {
  /** What functions published, in embedded metric format. */
  readonly lines: readonly MetricLine[];
  /** Statuses of what was answered, as the gateway counts them. */
  readonly statuses?: readonly number[];
  /** Milliseconds of each answer. */
  readonly latencies?: readonly number[];
  /** Functions that ended as Lambda counts an error. */
  readonly crashed?: readonly string[];
  /** Functions that Lambda did not start for want of concurrency. */
  readonly throttled?: readonly string[];
  /** What the drill measured itself of the alarm's own metric, where a service of AWS would. */
  readonly measured?: readonly number[];
}

export interface AlarmDrill {
  readonly templates: Templates;
  readonly alarms: readonly Resource[];
  /** For the record: each alarm that fired, with the page that it leads to. */
  readonly fired: Readonly<Record<string, string>>;
  /** The alarm fires for what was seen, leads to the page, and does not fire for what was seen when all was well. */
  assertFires(name: string, page: string, seen: Seen, calm: Seen): void;
}

/** The stage that has everything; its service's name has to be that of the published metrics. */
const stage = 'complete';
/** Of the objectives' alarms, minutes. */
const longestWindow = Math.max(...burnAlarms.flatMap(({ burns }) => burns.map(({ long }) => long)));
/** Some minute; what is measured comes before it. */
const now = 10_000;

export async function openAlarmDrill(): Promise<AlarmDrill> {
  const templates = await synthesise(stage);
  const alarms = templates.some('AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm');
  const fired: Record<string, string> = {};
  const alarmNamed = (name: string): Resource => {
    const found = alarms.find(({ properties }) => (properties.AlarmName as string).endsWith(`-${stage}-${name}`));
    return found ?? assert.fail(`there is no alarm ${name}`);
  };
  const api = {
    namespace: 'AWS/ApiGateway',
    dimensions: watchedBy(templates, alarmNamed('HighResponseTime'))[0]?.metric.dimensions ?? {},
  };
  const ofFunction = (metric: string, fn: string) => ({
    namespace: 'AWS/Lambda',
    name: metric,
    dimensions: { FunctionName: `oauth2-${stage}-${fn}` },
  });

  function stateAfter(
    name: string,
    { lines, statuses = [], latencies = [], crashed = [], throttled = [], measured = [] }: Seen,
  ): string {
    const store = new MetricStore();
    const alarm = alarmNamed(name);
    const { periods, minutes: each } = alarm.type.endsWith('CompositeAlarm')
      ? { periods: 1, minutes: longestWindow }
      : spanOf(templates, alarm);
    const minutes = periods * each;
    for (let minute = now - minutes; minute < now; minute += minutes > 60 ? 5 : 1) {
      for (const line of lines) store.putEmbedded(line, minute);
      const [own] = measured.length === 0 ? [] : watchedBy(templates, alarm);
      if (own) store.put(own.metric, minute, ...measured);
      store.put({ ...api, name: 'Count' }, minute, statuses.length);
      store.put({ ...api, name: '5xx' }, minute, statuses.filter((status) => status >= 500).length);
      store.put({ ...api, name: 'Latency' }, minute, ...latencies);
      store.put(ofFunction('Invocations', 'token'), minute, lines.filter(({ route }) => route === 'token').length);
      for (const fn of crashed) store.put(ofFunction('Errors', fn), minute, 1);
      for (const fn of throttled) store.put(ofFunction('Throttles', fn), minute, 1);
    }
    return stateOf(templates, alarm, store, now);
  }

  return {
    templates,
    alarms,
    fired,
    assertFires(name, page, seen, calm) {
      assert.equal(stateAfter(name, calm), 'OK', `${name} fires already when all is well`);
      assert.equal(stateAfter(name, seen), 'ALARM', `${name} does not fire`);
      assert.equal(/runbooks\/([\w-]+)\.md$/.exec(String(alarmNamed(name).properties.AlarmDescription))?.[1], page);
      fired[name] = `fires, leads to ${page}`;
    },
  };
}
