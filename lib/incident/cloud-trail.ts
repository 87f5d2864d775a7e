/** Asks CloudTrail who changed what of a stage in a span of time. */
import type { Event } from '@aws-sdk/client-cloudtrail';
import type { TimelineEntry } from './timeline.ts';

/** Pages of fifty events; CloudTrail lets two calls through in a second. */
const mostPages = 20;

function concerns(event: Event, stage: string): boolean {
  const text = event.CloudTrailEvent ?? '';
  return text.includes(`oauth2-${stage}`) || text.includes(`/oauth2/${stage}/`);
}

function toEntry({ EventTime, EventName, EventSource, Username, CloudTrailEvent }: Event): TimelineEntry {
  let error: unknown;
  try {
    error = JSON.parse(CloudTrailEvent ?? '{}').errorCode;
  } catch {
    // The name and the time are there all the same.
  }
  return {
    at: (EventTime ?? new Date(0)).toISOString(),
    source: 'CloudTrail',
    who: Username ?? 'unknown',
    what: `${EventName} (${EventSource})`,
    outcome: error === undefined ? 'succeeded' : String(error),
    part: false,
  };
}

/** Every change that names the stage; `whole` is false where there was more than could be asked for. */
export async function readTrail(stage: string, from: Date, to: Date): Promise<{ entries: TimelineEntry[]; whole: boolean }> {
  const { CloudTrailClient, LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
  const client = new CloudTrailClient({ maxAttempts: 8, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } });
  const entries: TimelineEntry[] = [];
  try {
    let token: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const { Events = [], NextToken } = await client.send(
        new LookupEventsCommand({
          LookupAttributes: [{ AttributeKey: 'ReadOnly', AttributeValue: 'false' }],
          StartTime: from,
          EndTime: to,
          MaxResults: 50,
          ...(token !== undefined && { NextToken: token }),
        }),
      );
      entries.push(...Events.filter((event) => concerns(event, stage)).map(toEntry));
      token = NextToken;
      if (token === undefined) return { entries, whole: true };
    }
    return { entries, whole: false };
  } finally {
    client.destroy();
  }
}
