/** The table of runbook pages that stand for a task rather than for one command; a procedure's page is named like the procedure. */

export interface Page {
  readonly purpose: string;
}

export const pages = {
  'initial-deployment': { purpose: 'Deploy a stage for the first time' },
  'update-deployment': { purpose: 'Bring a new release to a stage' },
  alerts: { purpose: 'Have alarms tell somebody, and test that they do' },
  'function-not-starting': { purpose: 'A function crashes, times out or does not start' },
  'high-error-rate': { purpose: 'Requests fail' },
  'database-connection-issues': { purpose: 'The database cannot be reached, or connections run out' },
  'lost-database': { purpose: 'The instance of the database is gone, or does not come back' },
  'performance-degradation': { purpose: 'Requests are slow' },
  'change-configuration': { purpose: 'Change a setting of a stage' },
  'environment-and-secrets': { purpose: 'What a stage is made of: environment, secrets, and who may read them' },
  scale: { purpose: 'Give functions or the database more room' },
  certificates: { purpose: 'Renew or replace a certificate' },
  'vacuum-and-bloat': { purpose: 'Tables grow, or hold too many dead rows or tokens' },
  'review-access': { purpose: 'Go through who used the server and from where' },
  'security-review': { purpose: 'Go through the security of a stage, point by point' },
  'full-restore': { purpose: 'Build the whole system again in an empty account' },
  'rate-limits': { purpose: 'See who is throttled, and change the limits' },
  'personal-data': { purpose: "Export or erase an end-user's data" },
} as const satisfies Record<string, Page>;

export type PageName = keyof typeof pages;

export const pageNames = Object.keys(pages) as PageName[];
