/** Public list prices of AWS, on demand and without any free tier, as the page on costs uses them. */

export interface Price {
  readonly dollars: number;
  readonly unit: string;
  /** The page of AWS that lists it, below aws.amazon.com. */
  readonly source: string;
}

/** Where the prices hold, and when they were known; list prices change, and other regions differ by up to a fifth. */
export const region = 'us-east-1';
export const asOf = 'June 2026';

const rds = 'rds/postgresql/pricing';
const watch = 'cloudwatch/pricing';
const functions = 'lambda/pricing';
const front = 'cloudfront/pricing';
const wall = 'waf/pricing';

export const prices = {
  db_t4g_micro: { dollars: 0.016, unit: 'instance-hour', source: rds },
  db_t4g_medium: { dollars: 0.065, unit: 'instance-hour', source: rds },
  db_m7g_large: { dollars: 0.168, unit: 'instance-hour', source: rds },
  db_storage: { dollars: 0.115, unit: 'GB-month (gp3)', source: rds },
  db_proxy: { dollars: 0.015, unit: 'vCPU-hour, at least 2 vCPU', source: 'rds/proxy/pricing' },
  endpoint: { dollars: 0.01, unit: 'hour and zone', source: 'privatelink/pricing' },
  kms_key: { dollars: 1, unit: 'key-month', source: 'kms/pricing' },
  kms_request: { dollars: 0.03 / 10_000, unit: 'request', source: 'kms/pricing' },
  secret: { dollars: 0.4, unit: 'secret-month', source: 'secrets-manager/pricing' },
  secret_request: { dollars: 0.05 / 10_000, unit: 'request', source: 'secrets-manager/pricing' },
  alarm_composite: { dollars: 0.5, unit: 'composite alarm, month', source: watch },
  alarm_metric: { dollars: 0.1, unit: 'metric that an alarm watches, month', source: watch },
  dashboard: { dollars: 3, unit: 'dashboard-month', source: watch },
  custom_metric: { dollars: 0.3, unit: 'metric-month', source: watch },
  log_ingested: { dollars: 0.5, unit: 'GB', source: watch },
  log_kept: { dollars: 0.03, unit: 'GB-month, compressed', source: watch },
  trace: { dollars: 5e-6, unit: 'recorded trace', source: 'xray/pricing' },
  schedule: { dollars: 1e-6, unit: 'invocation', source: 'eventbridge/pricing' },
  lambda_request: { dollars: 0.2e-6, unit: 'request', source: functions },
  lambda_time: { dollars: 0.0000133334, unit: 'GB-second (arm64)', source: functions },
  api_request: { dollars: 1e-6, unit: 'request (HTTP API)', source: 'api-gateway/pricing' },
  data_out: { dollars: 0.09, unit: 'GB to the internet', source: 'ec2/pricing/on-demand' },
  edge_request: { dollars: 0.01 / 10_000, unit: 'HTTPS request (CloudFront)', source: front },
  edge_data_out: { dollars: 0.085, unit: 'GB to the internet (CloudFront)', source: front },
  firewall: { dollars: 5, unit: 'web ACL-month', source: wall },
  firewall_rule: { dollars: 1, unit: 'rule-month', source: wall },
  firewall_request: { dollars: 0.6e-6, unit: 'request', source: wall },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof prices;

/** What an instance class costs an hour, and its processors, by which the proxy is charged. */
export const instanceClasses: Readonly<Record<string, { readonly price: PriceName; readonly vcpu: number }>> = {
  'db.t4g.micro': { price: 'db_t4g_micro', vcpu: 2 },
  'db.t4g.medium': { price: 'db_t4g_medium', vcpu: 2 },
  'db.m7g.large': { price: 'db_m7g_large', vcpu: 2 },
};

export const hoursPerMonth = 730;
