/** Puts together what happened in an incident: its steps, the audit log, CloudTrail and the releases; and writes it for people. */
import type { IncidentRecord } from './record.ts';

export interface TimelineEntry {
  readonly at: string;
  readonly source: 'incident' | 'audit log' | 'CloudTrail' | 'releases';
  readonly who: string;
  readonly what: string;
  readonly outcome: string;
  /** Whether it is known to be part of the incident. */
  readonly part: boolean;
}

export interface ReleaseFacts {
  readonly releases?: readonly { readonly number: number; readonly release: string; readonly time: string }[];
  readonly moves?: readonly {
    readonly started: string;
    readonly actor: string;
    readonly from: number | null;
    readonly to: number;
    readonly outcome: string;
    readonly reason: string;
  }[];
}

function fromIncident({ steps }: IncidentRecord): TimelineEntry[] {
  return steps.map(({ started_at, ended_at, phase, step, actor, reason, outcome }) => ({
    at: started_at,
    source: 'incident',
    who: actor,
    what: `${phase}: ${step}${reason ? ` (${reason})` : ''}`,
    outcome: ended_at === null ? outcome : `${outcome} at ${ended_at}`,
    part: true,
  }));
}

function fromAudit({ incident, audited }: IncidentRecord): TimelineEntry[] {
  return audited.map(({ at, actor, procedure, reason, outcome, detail, incident_id }) => ({
    at,
    source: 'audit log',
    who: actor,
    what: [procedure, reason && `(${reason})`, detail && `– ${detail}`].filter(Boolean).join(' '),
    outcome,
    part: incident_id === incident.incident_id,
  }));
}

function fromReleases({ incident }: IncidentRecord, { releases = [], moves = [] }: ReleaseFacts): TimelineEntry[] {
  const from = new Date(Date.parse(incident.opened_at) - 24 * 3_600_000).toISOString();
  const isWithin = (at: string) => at >= from && (incident.closed_at === null || at <= incident.closed_at);
  const entries: TimelineEntry[] = [
    ...releases.map(({ number, release, time }) => ({
      at: time,
      source: 'releases' as const,
      who: 'deploy',
      what: `release ${number} (${release}) deployed`,
      outcome: 'done',
      part: false,
    })),
    ...moves.map(({ started, actor, from: before, to, outcome, reason }) => ({
      at: started,
      source: 'releases' as const,
      who: actor,
      what: `release ${before ?? '–'} → ${to} (${reason})`,
      outcome,
      part: false,
    })),
  ];
  return entries.filter(({ at }) => isWithin(at));
}

export function buildTimeline(record: IncidentRecord, releases: ReleaseFacts, trail: readonly TimelineEntry[]): TimelineEntry[] {
  return [...fromIncident(record), ...fromAudit(record), ...fromReleases(record, releases), ...trail].toSorted((one, other) =>
    one.at.localeCompare(other.at),
  );
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').slice(0, 300);

/** The report in Markdown. @param trail what CloudTrail said, or why it was not asked */
export function writeReport(record: IncidentRecord, timeline: readonly TimelineEntry[], trail: string): string {
  const { incident, steps } = record;
  const open = steps.filter(({ outcome }) => outcome !== 'done');
  const evidence = steps.find(({ step }) => step === 'evidence');
  const keys = (evidence?.detail.status?.signing?.keys ?? []) as { kid: string; state: string }[];
  const counts = Object.entries((evidence?.detail.status?.counts ?? {}) as Record<string, unknown>);
  return [
    `# Incident ${incident.incident_id}`,
    '',
    `- Severity: ${incident.severity}`,
    `- Owner: ${incident.owner}`,
    `- Opened: ${incident.opened_at}`,
    `- Closed: ${incident.closed_at ?? 'not yet'}`,
    `- Phase: ${incident.phase}`,
    `- What is known: ${incident.note}`,
    `- CloudTrail: ${trail}`,
    ...(record.shortened
      ? [
          `- Audit log: its newest ${record.audited.length} entries; \`oauth2ctl audit-log --since ${incident.opened_at}\` has all`,
        ]
      : []),
    '',
    '## Evidence of the beginning',
    '',
    evidence ? `Kept at ${evidence.started_at}; all of it with \`--json\`.` : 'None was kept.',
    '',
    `- Keys: ${keys.map(({ kid, state }) => `${kid} (${state})`).join(', ') || '–'}`,
    `- Counts: ${counts.map(([name, value]) => `${name} ${value ?? 'not counted in time'}`).join(', ') || '–'}`,
    '',
    '## Timeline',
    '',
    'Times are in UTC. A star marks what was done within the incident.',
    '',
    '| At | Source | Who | What | Outcome |',
    '| --- | --- | --- | --- | --- |',
    ...timeline.map(
      ({ at, source, who, what, outcome, part }) =>
        `| ${at}${part ? ' *' : ''} | ${source} | ${cell(who)} | ${cell(what)} | ${cell(outcome)} |`,
    ),
    '',
    '## What is open',
    '',
    ...(open.length === 0 ? ['Nothing.'] : open.map(({ step, outcome }) => `- ${step}: ${outcome}`)),
    '',
  ].join('\n');
}
