/** Asks a server from outside whether it is well: health, readiness, discovery document and public keys. */
import { setTimeout as pause } from 'node:timers/promises';

export interface Finding {
  readonly name: string;
  readonly verdict: 'well' | 'not well' | 'skipped';
  /** What was found, and what to do about it. */
  readonly detail: string;
}

export interface ServerCheck {
  readonly issuer: string;
  /** Where the issuer is reached, if not at its own URL. */
  readonly base?: string | undefined;
  /** What the health check has to call itself. */
  readonly release?: string;
  /** Attempts in all, until everything is well; an alias that moved takes seconds to be known everywhere. */
  readonly tries?: number;
  readonly pause_ms?: number;
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, each check looks at
  readonly json: Record<string, any> | undefined;
}

/** The address of a URL of the issuer. */
export function addressOf({ issuer, base }: Pick<ServerCheck, 'issuer' | 'base'>, url: string): string {
  return base !== undefined && url.startsWith(issuer) ? base.replace(/\/$/, '') + url.slice(issuer.length) : url;
}

/** @throws {Error} where nothing answers within ten seconds */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  try {
    return { status: response.status, json: JSON.parse(text) as Record<string, unknown> };
  } catch {
    return { status: response.status, json: undefined };
  }
}

/** Carries out a check; one that ends in an error is not well, and says why. */
export async function find(name: string, check: () => Promise<string>): Promise<Finding> {
  try {
    return { name, verdict: 'well', detail: await check() };
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message || (cause as NodeJS.ErrnoException).code}` : message;
    return { name, verdict: 'not well', detail: why };
  }
}

function expectStatus({ status, json }: Answer, url: string): Record<string, unknown> {
  const what = json?.checks ? `: ${JSON.stringify(json.checks)}` : '';
  if (status !== 200 || json === undefined) throw new Error(`${url} answers ${status}${what}`);
  return json;
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

async function checkOnce(check: ServerCheck): Promise<Finding[]> {
  const { issuer, release } = check;
  const get = async (path: string) => {
    const url = addressOf(check, issuer.replace(/\/$/, '') + path);
    return expectStatus(await ask(url), url);
  };
  return [
    await find('health', async () => {
      const health = await get('/health');
      if (release !== undefined && health.release !== release)
        throw new Error(`/health is of release ${health.release}, not of ${release}`);
      return `release ${health.release}, version ${health.version}`;
    }),
    await find('ready', async () => {
      const { status, checks } = await get('/ready');
      const parts = Object.keys(checks as object).join(', ');
      return status === 'maintenance' ? `${parts}; maintenance mode is on: what writes is answered 503` : parts;
    }),
    await find('discovery', async () => {
      const metadata = await get('/.well-known/openid-configuration');
      // RFC 8414 §3.3: a client refuses a document with another issuer than the one it asked.
      if (metadata.issuer !== issuer) throw new Error(`the discovery document says issuer ${metadata.issuer}, not ${issuer}`);
      return issuer;
    }),
    await find('jwks', async () => {
      const { keys } = (await get('/.well-known/jwks.json')) as { keys?: Record<string, unknown>[] };
      if (!Array.isArray(keys) || keys.length === 0) throw new Error('the JWKS has no key: no token can be verified');
      if (keys.some((key) => privateMembers.some((member) => member in key)))
        throw new Error('the JWKS holds a PRIVATE key: withdraw it, and replace the signing keys');
      return keys.length === 1 ? 'one key' : `${keys.length} keys`;
    }),
  ];
}

/** Everything that can be asked without credentials. */
export async function checkServer(check: ServerCheck): Promise<Finding[]> {
  const { tries = 1, pause_ms = 2000 } = check;
  for (let left = tries - 1; ; left--) {
    const findings = await checkOnce(check);
    if (left <= 0 || findings.every(({ verdict }) => verdict !== 'not well')) return findings;
    await pause(pause_ms);
  }
}
