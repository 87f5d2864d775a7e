/** What a local instance is started with, and what it then is. */

export interface InstanceOptions {
  /** The project's folder. */
  readonly root: string;
  /** Everything that is kept between starts. */
  readonly folder: string;
  /** Port of the gateway; 0 for any free one. */
  readonly port: number;
  /** Default: the gateway's address. */
  readonly issuer?: string;
  /** Variables for the CDK app. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes lines for the person at the terminal. */
  readonly say: (line: string) => void;
  /** Takes what the functions write. */
  readonly show: (lines: string) => void;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
}

export interface Instance {
  readonly issuer: string;
  /** Rejects when the instance cannot go on. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}
