/** Where CloudWatch keeps each metric of a stage: its namespace and the dimensions of its source. */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Source, WatchedMetric } from '../alarm.ts';
import { functionName } from '../procedures.ts';

/** What a stage has that can be measured. */
export interface Measured {
  readonly stage_name: string;
  readonly api_id: string;
  readonly failed_queue: string;
  /** Of the bus, where the stage has one. */
  readonly dropped_queue?: string;
  /** Of the domain, where the stage has one. */
  readonly certificate_arn?: string;
  /** Where the backups have copies. */
  readonly replication?: { readonly bucket: string; readonly copies: string; readonly rule: string };
  /** Only where the stage has a database of its own. */
  readonly database?: { readonly instance: string; readonly proxy: string; readonly memory_bytes: number };
}

interface Place {
  readonly namespace: string;
  readonly dimensions: Record<string, string>;
}

/** Nothing where the stage has no such source. `name` is the function's or the procedure's, for metrics of one. */
export function placeOf(source: Source, measured: Measured, name = ''): Place | undefined {
  const { stage_name, api_id, failed_queue, dropped_queue, certificate_arn, replication, database } = measured;
  switch (source) {
    case 'api':
      return { namespace: 'AWS/ApiGateway', dimensions: { ApiId: api_id } };
    case 'function':
      return { namespace: 'AWS/Lambda', dimensions: { FunctionName: functionName(stage_name, name) } };
    case 'failed-queue':
      return { namespace: 'AWS/SQS', dimensions: { QueueName: failed_queue } };
    case 'dropped-queue':
      return dropped_queue === undefined ? undefined : { namespace: 'AWS/SQS', dimensions: { QueueName: dropped_queue } };
    case 'server':
      return { namespace: 'oauth2_server', dimensions: { service: `oauth2-${stage_name}` } };
    case 'procedure':
      return { namespace: 'oauth2_server', dimensions: { service: `oauth2-${stage_name}`, procedure: name } };
    case 'certificate':
      return certificate_arn === undefined
        ? undefined
        : { namespace: 'AWS/CertificateManager', dimensions: { CertificateArn: certificate_arn } };
    case 'replication':
      return (
        replication && {
          namespace: 'AWS/S3',
          dimensions: {
            SourceBucket: replication.bucket,
            DestinationBucket: replication.copies,
            RuleId: replication.rule,
          },
        }
      );
    case 'database':
      return database && { namespace: 'AWS/RDS', dimensions: { DBInstanceIdentifier: database.instance } };
    case 'proxy':
      return (
        database && {
          namespace: 'AWS/RDS',
          dimensions: { ProxyName: database.proxy, TargetGroup: 'default', TargetRole: 'READ_WRITE' },
        }
      );
  }
}

export function metricOf(watched: WatchedMetric, measured: Measured, minutes: number, name?: string): Metric | undefined {
  const place = placeOf(watched.source, measured, name);
  if (place === undefined) return undefined;
  return new Metric({
    namespace: place.namespace,
    dimensionsMap: { ...place.dimensions, ...watched.dimensions },
    metricName: watched.name,
    statistic: watched.statistic,
    period: Duration.minutes(minutes),
  });
}
