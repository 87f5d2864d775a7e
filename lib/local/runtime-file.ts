/** The file by which programs on this machine find the running instance of a data folder. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RuntimeFile {
  readonly pid: number;
  readonly issuer: string;
  readonly stage: string;
  /** `http://127.0.0.1:port` of the Lambda Invoke API. */
  readonly lambda_endpoint: string;
  /** `http://127.0.0.1:port` of the Secrets Manager API. */
  readonly secrets_endpoint: string;
  /** `http://127.0.0.1:port` of the S3 API. */
  readonly s3_endpoint: string;
  /** `http://127.0.0.1:port` of the RDS API. */
  readonly rds_endpoint: string;
  /** `http://127.0.0.1:port` of the CloudWatch Logs API. */
  readonly logs_endpoint: string;
  /** `http://127.0.0.1:port` of the Step Functions API. */
  readonly sfn_endpoint: string;
  /** `http://127.0.0.1:port` of the EventBridge API. */
  readonly events_endpoint: string;
  readonly database: { readonly host: string; readonly port: number };
}

function pathIn(folder: string): string {
  return join(folder, 'runtime.json');
}

export function writeRuntimeFile(folder: string, content: RuntimeFile): void {
  const fresh = `${pathIn(folder)}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(fresh, pathIn(folder));
}

export function readRuntimeFile(folder: string): RuntimeFile | undefined {
  try {
    return existsSync(pathIn(folder)) ? (JSON.parse(readFileSync(pathIn(folder), 'utf8')) as RuntimeFile) : undefined;
  } catch {
    return undefined;
  }
}

export function removeRuntimeFile(folder: string): void {
  rmSync(pathIn(folder), { force: true });
}
