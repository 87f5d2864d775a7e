/** Queues behind the operations of SQS, for the account of tests: what was taken is hidden until it is given back, as there. */
import { createHash, randomUUID } from 'node:crypto';

export interface TestMessage {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

interface Kept extends TestMessage {
  readonly id: string;
  handle: string | undefined;
}

type Input = Record<string, unknown>;

/** The SDK asks a queue at its own address. */
const urlOf = (name: string) => `${process.env.AWS_ENDPOINT_URL}/111122223333/${name}`;

export class TestQueues {
  readonly #kept = new Map<string, Kept[]>();
  /** Messages that SQS does not delete, by their number among those of a batch. */
  readonly undeletable = new Set<string>();

  put(name: string, ...messages: readonly TestMessage[]): void {
    const kept = this.#kept.get(name) ?? [];
    this.#kept.set(name, kept);
    for (const message of messages) kept.push({ ...message, id: randomUUID(), handle: undefined });
  }

  /** How many there are that anybody may receive, which is what its alarm watches. */
  visible(name: string): number {
    return this.#of(urlOf(name)).filter(({ handle }) => handle === undefined).length;
  }

  /** How many there are, those included that somebody has taken. */
  count(name: string): number {
    return this.#of(urlOf(name)).length;
  }

  #of(url: unknown): Kept[] {
    return this.#kept.get(String(url).split('/').at(-1) ?? '') ?? [];
  }

  readonly operations: Readonly<Record<string, (input: Input) => unknown>> = {
    GetQueueUrl: ({ QueueName }) => ({ QueueUrl: urlOf(String(QueueName)) }),
    ReceiveMessage: ({ QueueUrl, MaxNumberOfMessages }) => {
      const taken = this.#of(QueueUrl)
        .filter(({ handle }) => handle === undefined)
        .slice(0, Number(MaxNumberOfMessages));
      for (const message of taken) message.handle = randomUUID();
      return {
        Messages: taken.map(({ id, handle, body, attributes = {} }) => ({
          MessageId: id,
          ReceiptHandle: handle,
          Body: body,
          MD5OfBody: createHash('md5').update(body).digest('hex'),
          Attributes: { SentTimestamp: String(Date.parse('2026-11-25T03:00:00Z')) },
          MessageAttributes: Object.fromEntries(
            Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
          ),
        })),
      };
    },
    ChangeMessageVisibilityBatch: ({ QueueUrl, Entries }) => {
      for (const { ReceiptHandle } of Entries as { ReceiptHandle: string }[])
        for (const message of this.#of(QueueUrl)) if (message.handle === ReceiptHandle) message.handle = undefined;
      return { Successful: [], Failed: [] };
    },
    DeleteMessageBatch: ({ QueueUrl, Entries }) => {
      const kept = this.#of(QueueUrl);
      const entries = Entries as { Id: string; ReceiptHandle: string }[];
      const failed = entries.filter(({ Id }) => this.undeletable.has(Id));
      for (const entry of entries) {
        const at = kept.findIndex(({ handle }) => handle === entry.ReceiptHandle);
        if (at >= 0 && !failed.includes(entry)) kept.splice(at, 1);
      }
      return { Successful: [], Failed: failed.map(({ Id }) => ({ Id, SenderFault: false, Code: 'InternalError' })) };
    },
  };
}
