/** Reads what a dead-letter queue of a stage keeps: what was given up, when, and why; pure. */

/** A message as SQS hands it out. */
export interface RawLetter {
  readonly body: string;
  /** What its sender said beside it. */
  readonly attributes: Readonly<Record<string, string>>;
  /** When the queue took it; RFC 3339. */
  readonly sent_at: string;
}

export interface Letter {
  /** `run`: of a procedure, which failed or never began. `event`: one that the bus took and could not keep. */
  readonly kind: 'run' | 'event' | 'unknown';
  /** Name of the procedure, or type of the event. */
  readonly what: string;
  /** RFC 3339; of an event the time of what it tells. */
  readonly at: string;
  readonly why: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what it is, is looked at
type Values = Record<string, any>;

const longestWhy = 300;
const inOneLine = (text: unknown) => String(text).split('\n')[0]?.slice(0, longestWhy) ?? '';
const timeOf = (text: unknown) => (typeof text === 'string' && !Number.isNaN(Date.parse(text)) ? text : undefined);

function parse(body: string): Values {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Values) : {};
  } catch {
    return {};
  }
}

/** `publish-gauges` of the function `oauth2-production-publish-gauges`, whatever alias or version is behind it. */
function procedureOf(arn: string, stage: string): string | undefined {
  return new RegExp(`:function:oauth2-${stage}-([a-z0-9-]+)`).exec(arn)?.[1];
}

/** @param stage whose names the functions begin with */
export function readLetter({ body, attributes, sent_at }: RawLetter, stage: string): Letter {
  const value = parse(body);
  const told = attributes.ERROR_MESSAGE ?? attributes.ERROR_CODE;
  // Lambda, of a run that nobody waited for: it failed every time, or became too old before it could begin.
  const { requestContext: context } = value;
  const failed = procedureOf(String(context?.functionArn ?? ''), stage);
  if (failed !== undefined) {
    const why = value.responsePayload?.errorMessage ?? context.condition;
    return { kind: 'run', what: failed, at: timeOf(value.timestamp) ?? sent_at, why: inOneLine(why) };
  }
  // EventBridge Scheduler, of a run that never reached its function.
  const target = procedureOf(attributes.TARGET_ARN ?? '', stage);
  if (target !== undefined)
    return {
      kind: 'run',
      what: target,
      at: timeOf(attributes.SCHEDULED_TIME) ?? sent_at,
      why: inOneLine(told ?? 'it never reached its function'),
    };
  if (typeof value['detail-type'] === 'string')
    return {
      kind: 'event',
      what: value['detail-type'],
      at: timeOf(value.detail?.time) ?? timeOf(value.time) ?? sent_at,
      why: inOneLine(told ?? 'the bus could not encrypt it'),
    };
  return { kind: 'unknown', what: '–', at: sent_at, why: inOneLine(told ?? 'not of a kind that is known here') };
}
