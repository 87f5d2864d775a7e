/** The rows of the alarm table about events: they wait, they were set aside, the bus dropped them. */
import type { Alarm } from './alarm.ts';

export const eventAlarms = {
  EventsBacklog: {
    metrics: { oldest: { source: 'server', name: 'events_oldest_seconds', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 600,
    unit: 's',
    period: 1,
    minutes: 5,
    // It is measured every minute by what empties the outbox: silence means that nothing does.
    silence: 'wrong',
    severity: 'warning',
    runbook: 'events',
    purpose: 'Events wait for longer than ten minutes: the bus takes none, or nothing is sent',
  },
  EventsSetAside: {
    metrics: { set_aside: { source: 'server', name: 'events_set_aside', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 5,
    minutes: 5,
    silence: 'fine',
    severity: 'warning',
    runbook: 'retry-events',
    purpose: 'Events failed too often and were set aside',
  },
  EventsDropped: {
    metrics: { dropped: { source: 'dropped-queue', name: 'ApproximateNumberOfMessagesVisible', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 1,
    minutes: 1,
    silence: 'fine',
    severity: 'warning',
    runbook: 'dead-letters',
    purpose: 'The bus could not encrypt events that it had taken; they are in its queue',
  },
} as const satisfies Record<string, Alarm>;
