/** What was measured of this server and is committed beside this file: the shape of `measured.json`, and how it is read. */
import { readFileSync } from 'node:fs';

/** One successful request of a kind. */
export interface RequestFigures {
  /** Processor time of the function, milliseconds. */
  readonly cpu_ms: number;
  /** Processor time of Postgres, all its processes, milliseconds. */
  readonly database_ms: number;
  /** Statements; `begin` and `commit` count too. */
  readonly statements: number;
  /** Bytes of write-ahead log, without full-page images. */
  readonly wal_bytes: number;
  /** Bytes that the function writes to its log: the request line and the embedded metrics. */
  readonly log_bytes: number;
  /** Bytes of the answer, header and body. */
  readonly answer_bytes: number;
  /** Custom metrics that the request publishes, each with its own dimensions. */
  readonly metrics: number;
}

export const requestKinds = ['client_credentials', 'code_exchange', 'refresh', 'introspection'] as const;
export type RequestKind = (typeof requestKinds)[number];

/** Tables that grow with use. */
export const growingTables = ['access_tokens', 'authorization_codes', 'token_families', 'sessions'] as const;
export type GrowingTable = (typeof growingTables)[number];

export interface Measured {
  readonly date: string;
  readonly machine: string;
  readonly requests: Readonly<Record<RequestKind, RequestFigures>>;
  /** Bytes on disk of one row with its indexes. */
  readonly row_bytes: Readonly<Record<GrowingTable, number>>;
  /** Processor time of verifying one password, milliseconds. */
  readonly password_ms: number;
  /** When bench/ measured what follows and each `cpu_ms`. */
  readonly bench_date: string;
  /** Processor time from the start of a process to its first token, milliseconds. */
  readonly cold_start_cpu_ms: number;
}

export function readMeasured(): Measured {
  return JSON.parse(readFileSync(new URL('measured.json', import.meta.url), 'utf8')) as Measured;
}
