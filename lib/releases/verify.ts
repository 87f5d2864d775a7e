/** Checks after a deploy that the stage serves: from outside, with a token of its own, and by the state of every alarm. */

import { listReceivers, nameReceiver } from '../observe/receivers.ts';
import { checkServer, type Finding, find } from './check-server.ts';
import { ReleaseFault } from './fault.ts';
import { listReleases } from './ledger.ts';
import { checkTokens } from './throw-away-client.ts';
import { answering, type ToolContext, type ToolProcedure, withClients } from './tool.ts';

/** @throws {ReleaseFault} where the stage has no release */
export async function findIssuer({ stage, findLocalIssuer }: ToolContext): Promise<string> {
  if (stage === 'local') return findLocalIssuer();
  const newest = await withClients(async ({ ssm }) => (await listReleases(ssm, stage)).at(-1));
  if (newest === undefined)
    throw new ReleaseFault(
      'no_release',
      `stage "${stage}" has no release in this account and region: a deploy records the first one`,
    );
  return newest.issuer;
}

export interface AlarmState {
  readonly name: string;
  readonly state: string;
  /** ARNs of what is told when it fires. */
  readonly topics: readonly string[];
}

/** Every alarm of the stage, composite ones too. */
export async function listAlarms(stage: string): Promise<AlarmState[]> {
  const { CloudWatchClient, DescribeAlarmsCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ maxAttempts: 5 });
  try {
    const alarms: AlarmState[] = [];
    for (let token: string | undefined; ; ) {
      const page = await client.send(
        new DescribeAlarmsCommand({
          AlarmNamePrefix: `oauth2-${stage}-`,
          AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
          ...(token !== undefined && { NextToken: token }),
        }),
      );
      for (const { AlarmName = '', StateValue = '', AlarmActions = [] } of [
        ...(page.MetricAlarms ?? []),
        ...(page.CompositeAlarms ?? []),
      ])
        alarms.push({ name: AlarmName.replace(`oauth2-${stage}-`, ''), state: StateValue, topics: AlarmActions });
      token = page.NextToken;
      if (token === undefined) return alarms;
    }
  } finally {
    client.destroy();
  }
}

function checkStates(alarms: readonly AlarmState[], stage: string): string {
  if (alarms.length === 0) throw new Error(`no alarm is named oauth2-${stage}-…: nobody would hear of a failure`);
  const named = (state: string) => alarms.filter((alarm) => alarm.state === state).map(({ name }) => name);
  const [firing, unknown] = [named('ALARM'), named('INSUFFICIENT_DATA')];
  if (firing.length > 0) throw new Error(`${firing.length} of ${alarms.length} fire: ${firing.join(', ')}`);
  return `none of ${alarms.length} fires${unknown.length === 0 ? '' : `; without data yet: ${unknown.join(', ')}`}`;
}

/** Whoever has not opened the link of SNS is told of nothing, and nobody notices before the night when it matters. */
async function checkReceivers(alarms: readonly AlarmState[]): Promise<Finding> {
  let count: number | undefined;
  const found = await find('alarm receivers', async () => {
    const receivers = await listReceivers([...new Set(alarms.flatMap(({ topics }) => topics))]);
    count = receivers.length;
    const waiting = new Set(receivers.filter(({ confirmed }) => !confirmed).map(nameReceiver));
    if (waiting.size > 0)
      throw new Error(`told of nothing until the link in the mail of SNS is opened: ${[...waiting].join(', ')}`);
    return `confirmed: ${receivers.map(nameReceiver).join(', ')}`;
  });
  const nobody = 'alarms tell nobody: alarm_emails of the stage is empty, and nothing else is subscribed';
  return count === 0 ? { ...found, verdict: 'skipped', detail: nobody } : found;
}

async function checkAlarms(stage: string): Promise<Finding[]> {
  if (stage === 'local') return [{ name: 'alarms', verdict: 'skipped', detail: 'nothing watches a local instance' }];
  let alarms: readonly AlarmState[] = [];
  const states = await find('alarms', async () => {
    alarms = await listAlarms(stage);
    return checkStates(alarms, stage);
  });
  return alarms.length === 0 ? [states] : [states, await checkReceivers(alarms)];
}

export const verifyStage: ToolProcedure = answering(async (context, { reason = 'oauth2ctl verify' }) => {
  const { stage, environment } = context;
  const server = { issuer: await findIssuer(context), base: environment.OAUTH2_BASE_URL || undefined };
  const findings = [
    ...(await checkServer(server)),
    ...(await checkTokens(context, server, reason)),
    ...(await checkAlarms(stage)),
  ];
  const well = findings.every(({ verdict }) => verdict !== 'not well');
  return { outcome: 'succeeded', plan: { steps: [] }, result: { stage, issuer: server.issuer, well, checks: findings } };
});
