/** Shows what was given up for good, runs of schedules and events of the bus, and takes it out of its queues, which ends their alarms. */
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import type { AlarmName } from '../alarms.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { type Letter, readLetter } from './read-letter.ts';

/** Alarms that fire for as long as their queue has something. */
const watching = ['ScheduleFailed', 'EventsDropped'] as const satisfies readonly AlarmName[];

/** One look takes no more, and one removal neither. */
const mostLetters = 500;
/** A plan names so many. */
const mostNamed = 50;
/** Seconds for which nobody else is given what one look has taken: longer than it takes. */
const heldSeconds = 120;

interface Taken extends Letter {
  readonly queue: string;
  readonly id: string;
  readonly handle: string;
}

type Api = typeof import('@aws-sdk/client-sqs');

async function findQueues(api: Api, sqs: SQSClient, stage: string): Promise<string[]> {
  const { CloudWatchClient, DescribeAlarmsCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ maxAttempts: 5 });
  const AlarmNames = watching.map((name) => `oauth2-${stage}-${name}`);
  const { MetricAlarms = [] } = await client.send(new DescribeAlarmsCommand({ AlarmNames })).finally(() => client.destroy());
  if (MetricAlarms.length === 0)
    throw new ReleaseFault(
      'no_queue',
      `the stage "${stage}" has no alarm over its dead letters: is it deployed, in this account and region?`,
    );
  const names = MetricAlarms.map(({ Dimensions = [] }) => Dimensions.find(({ Name }) => Name === 'QueueName')?.Value ?? '');
  const found = await Promise.all(names.map((QueueName) => sqs.send(new api.GetQueueUrlCommand({ QueueName }))));
  return found.map(({ QueueUrl = '' }) => QueueUrl);
}

function open(message: Message, queue: string, stage: string): Taken {
  const { Body = '', Attributes = {}, MessageAttributes = {}, MessageId = '', ReceiptHandle = '' } = message;
  const attributes = Object.fromEntries(
    Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
      StringValue === undefined ? [] : [[name, StringValue]],
    ),
  );
  const sent_at = new Date(Number(Attributes.SentTimestamp ?? Date.now())).toISOString();
  return { ...readLetter({ body: Body, attributes, sent_at }, stage), queue, id: MessageId, handle: ReceiptHandle };
}

/** Takes what is there, for a while. */
async function take(api: Api, sqs: SQSClient, queue: string, stage: string): Promise<Taken[]> {
  const taken: Taken[] = [];
  while (taken.length < mostLetters) {
    const { Messages = [] } = await sqs.send(
      new api.ReceiveMessageCommand({
        QueueUrl: queue,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: heldSeconds,
        // All of SQS's servers are asked then, and not some.
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ['SentTimestamp'],
        MessageAttributeNames: ['All'],
      }),
    );
    if (Messages.length === 0) break;
    taken.push(...Messages.map((message) => open(message, queue, stage)));
  }
  return taken;
}

/** In the portions that SQS takes, each of one queue. */
function portions(letters: readonly Taken[]): { queue: string; entries: { Id: string; ReceiptHandle: string }[] }[] {
  return [...Map.groupBy(letters, ({ queue }) => queue)].flatMap(([queue, own]) =>
    Array.from({ length: Math.ceil(own.length / 10) }, (_, at) => ({
      queue,
      entries: own.slice(at * 10, at * 10 + 10).map(({ handle }, index) => ({ Id: String(index), ReceiptHandle: handle })),
    })),
  );
}

/** Whoever only looked gives it back at once: the alarm goes on to see it. */
async function giveBack(api: Api, sqs: SQSClient, letters: readonly Taken[]): Promise<void> {
  for (const { queue, entries } of portions(letters)) {
    const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout: 0 }));
    await sqs.send(new api.ChangeMessageVisibilityBatchCommand({ QueueUrl: queue, Entries }));
  }
}

async function remove(api: Api, sqs: SQSClient, letters: readonly Taken[]): Promise<void> {
  let kept = 0;
  for (const { queue, entries } of portions(letters)) {
    const { Failed = [] } = await sqs.send(new api.DeleteMessageBatchCommand({ QueueUrl: queue, Entries: entries }));
    kept += Failed.length;
  }
  if (kept > 0) throw new ReleaseFault('not_removed', `${kept} of ${letters.length} are there still: run it again`);
}

const wordsOf = ({ kind, what, at, why }: Letter) => `${kind === 'event' ? 'the event' : 'the run of'} ${what} of ${at}: ${why}`;

function describePlan(letters: readonly Taken[]): ToolAnswer['plan'] {
  if (letters.length === 0) return { steps: ['nothing: no scheduled run was given up, and no event was dropped'] };
  const more = letters.length - mostNamed;
  return {
    steps: [
      ...letters.slice(0, mostNamed).map((letter) => `take out of its queue ${wordsOf(letter)}`),
      ...(more > 0 ? [`and ${more} more`] : []),
    ],
  };
}

/** What to do before they are taken out. */
function adviceFor(letters: readonly Letter[]): string[] {
  const runs = new Set(letters.filter(({ kind }) => kind === 'run').map(({ what }) => what));
  const times = letters.flatMap(({ kind, at }) => (kind === 'event' ? [Date.parse(at)] : []));
  const minute = 60_000;
  const edge = (time: number) => new Date(time).toISOString();
  return [
    ...[...runs].map((name) => `oauth2ctl logs errors --function ${name} --since 1d`),
    ...(times.length === 0
      ? []
      : [
          `oauth2ctl retry-events --since ${edge(Math.min(...times) - minute)} --until ${edge(Math.min(Math.max(...times) + minute, Date.now()))} --apply --reason "the bus dropped them"`,
        ]),
  ];
}

async function record({ call }: ToolContext, letters: readonly Letter[], reason: string): Promise<void> {
  const counts = [...Map.groupBy(letters, ({ what }) => what)].map(([what, own]) => ({ what, count: own.length }));
  const answer = await call('record-act', { act: 'discard', of: counts }, reason);
  if (answer.outcome !== 'succeeded')
    throw new ReleaseFault(
      'not_recorded',
      `nothing was taken out, since the audit log could not be written: ${answer.error?.message}`,
    );
}

const noneHere = 'A local instance keeps no dead letters: oauth2ctl logs errors shows what failed.';

export const dealWithDeadLetters: ToolProcedure = answering(async (context, { apply, reason = '' }): Promise<ToolAnswer> => {
  const { stage } = context;
  if (stage === 'local') return { outcome: 'succeeded', plan: { steps: [] }, result: { note: noneHere } };
  const api = await import('@aws-sdk/client-sqs');
  const sqs = new api.SQSClient({ maxAttempts: 5, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } });
  try {
    const queues = await findQueues(api, sqs, stage);
    const takeAll = async () => (await Promise.all(queues.map((queue) => take(api, sqs, queue, stage)))).flat();
    const letters = (await takeAll()).toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
    const plan = describePlan(letters);
    if (!apply || letters.length === 0) {
      await giveBack(api, sqs, letters);
      const next = adviceFor(letters);
      return apply
        ? { outcome: 'succeeded', plan, result: { taken_out: [], left: 0 } }
        : { outcome: 'planned', plan, ...(next.length > 0 && { next }) };
    }
    await record(context, letters, reason).catch(async (error: unknown) => {
      await giveBack(api, sqs, letters);
      throw error;
    });
    await remove(api, sqs, letters);
    const left = await takeAll();
    await giveBack(api, sqs, left);
    const taken_out = letters.map(({ kind, what, at, why }) => ({ kind, what, at, why }));
    const next = left.length === 0 ? ['oauth2ctl status --detailed'] : ['oauth2ctl dead-letters: more came, or was there'];
    return { outcome: 'succeeded', plan, result: { taken_out, left: left.length }, next };
  } finally {
    sqs.destroy();
  }
});
