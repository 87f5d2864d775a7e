/** Raises one alarm of each severity for a try, so that whoever is to be told sees that they are. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { AlarmName } from '../alarms.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { listReceivers, nameReceiver, type Receiver, severities } from './receivers.ts';

/** One of each severity that every stage has, and that takes back no deploy which is under way. */
export const tried = { critical: 'ScheduleFailed', warning: 'FunctionMemoryHigh' } as const satisfies Record<
  (typeof severities)[number],
  AlarmName
>;

/** Looks at the history of an alarm until it is left open whether somebody was told. */
const mostLooks = 8;

interface Trial {
  readonly severity: (typeof severities)[number];
  readonly alarm: string;
  readonly fires: boolean;
  readonly topics: readonly string[];
  readonly receivers: readonly Receiver[];
}

type Api = typeof import('@aws-sdk/client-cloudwatch');

async function look(api: Api, client: CloudWatchClient, stage: string): Promise<Trial[]> {
  const nameOf = (severity: (typeof severities)[number]) => `oauth2-${stage}-${tried[severity]}`;
  const { MetricAlarms = [] } = await client.send(new api.DescribeAlarmsCommand({ AlarmNames: severities.map(nameOf) }));
  return Promise.all(
    severities.map(async (severity): Promise<Trial> => {
      const found = MetricAlarms.find(({ AlarmName }) => AlarmName === nameOf(severity));
      if (found === undefined)
        throw new ReleaseFault(
          'no_alarm',
          `there is no alarm ${nameOf(severity)}: is the stage "${stage}" deployed, in this account and region?`,
        );
      const topics = found.AlarmActions ?? [];
      const fires = found.StateValue === 'ALARM';
      return { severity, alarm: tried[severity], fires, topics, receivers: await listReceivers(topics) };
    }),
  );
}

function describePlan(trials: readonly Trial[]): ToolAnswer['plan'] {
  return {
    steps: trials.flatMap(({ severity, alarm, fires, receivers }) => [
      fires ? `leave ${alarm} (${severity}) as it is: it fires in earnest` : `raise ${alarm} (${severity}) for a try`,
      ...(receivers.length === 0 ? [`tell nobody: the topic of ${severity} alarms has no subscription`] : []),
      ...receivers.map((receiver) =>
        receiver.confirmed
          ? `tell ${nameReceiver(receiver)}`
          : `not tell ${nameReceiver(receiver)}, who has not opened the link in the mail of SNS`,
      ),
    ]),
  };
}

/** What CloudWatch says that it has done since the alarm was raised. */
async function follow(
  api: Api,
  client: CloudWatchClient,
  name: string,
  since: Date,
  pause_ms: number,
): Promise<'told' | 'not seen yet'> {
  for (let attempt = 1; ; attempt += 1) {
    const { AlarmHistoryItems = [] } = await client.send(
      new api.DescribeAlarmHistoryCommand({ AlarmName: name, HistoryItemType: 'Action', StartDate: since, EndDate: new Date() }),
    );
    const said = AlarmHistoryItems.map(({ HistorySummary = '' }) => HistorySummary);
    const failure = said.find((summary) => /^failed/i.test(summary));
    if (failure !== undefined)
      throw new ReleaseFault('not_told', `CloudWatch could not tell of ${name}: ${failure}; the key of the topics is in KMS`);
    if (said.length > 0) return 'told';
    if (attempt >= mostLooks) return 'not seen yet';
    await pause(pause_ms);
  }
}

async function raise(api: Api, client: CloudWatchClient, { stage, patience }: ToolContext, { alarm }: Trial, reason: string) {
  const AlarmName = `oauth2-${stage}-${alarm}`;
  // Its clock is not this machine's.
  const since = new Date(Date.now() - 60_000);
  await client.send(
    new api.SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: `A try by oauth2ctl try-alarms: ${reason}` }),
  );
  return follow(api, client, AlarmName, since, patience.pause_ms);
}

async function record({ call }: ToolContext, trials: readonly Trial[], reason: string): Promise<void> {
  const of = trials.map(({ alarm }) => ({ what: alarm, count: 1 }));
  const answer = await call('record-act', { act: 'try', of }, reason);
  if (answer.outcome !== 'succeeded')
    throw new ReleaseFault(
      'not_recorded',
      `no alarm was raised, since the audit log could not be written: ${answer.error?.message}`,
    );
}

/** What whoever ran it has to do, or to see. */
function adviseOn(trials: readonly Trial[]): string[] {
  const all = trials.flatMap(({ receivers }) => receivers);
  const waiting = [...new Set(all.filter(({ confirmed }) => !confirmed).map(nameReceiver))];
  const silent = trials.filter(({ receivers }) => !receivers.some(({ confirmed }) => confirmed)).map(({ severity }) => severity);
  return [
    ...(waiting.length === 0
      ? []
      : [`let these open the link in the mail of SNS, which holds for three days: ${waiting.join(', ')}`]),
    ...(silent.length === 0
      ? []
      : [`nobody is told of ${silent.join(' and ')} alarms: alarm_emails in lib/stages.ts, then deploy`]),
    'ask each receiver for both messages, ALARM and OK: the second comes within minutes, when CloudWatch looks again',
  ];
}

const noneHere = 'Nothing watches a local instance: it has no alarms.';

export const tryAlarms: ToolProcedure = answering(async (context, { apply, reason = '' }): Promise<ToolAnswer> => {
  const { stage } = context;
  if (stage === 'local') return { outcome: 'succeeded', plan: { steps: [] }, result: { note: noneHere } };
  const api = await import('@aws-sdk/client-cloudwatch');
  const client = new api.CloudWatchClient({ maxAttempts: 5 });
  try {
    const trials = await look(api, client, stage);
    const plan = describePlan(trials);
    if (!apply) return { outcome: 'planned', plan };
    const raised = trials.filter(({ fires }) => !fires);
    if (raised.length > 0) await record(context, raised, reason);
    const answers = new Map(
      await Promise.all(raised.map(async (trial) => [trial.alarm, await raise(api, client, context, trial, reason)] as const)),
    );
    const alarms = trials.map(({ severity, alarm, receivers }) => ({
      alarm,
      severity,
      outcome: answers.get(alarm) ?? 'fires already',
      receivers,
    }));
    const well = trials.every(({ receivers }) => receivers.length > 0 && receivers.every(({ confirmed }) => confirmed));
    return { outcome: 'succeeded', plan, result: { alarms, well }, next: adviseOn(trials) };
  } finally {
    client.destroy();
  }
});
