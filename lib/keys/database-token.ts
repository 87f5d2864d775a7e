/** Makes the short-lived tokens by which a role logs in to RDS: a presigned request, made here without any call (RDS IAM authentication). */
import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface DatabaseLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string;
  /** Asked for each new token: a sandbox may outlive its credentials. */
  readonly credentials: () => Credentials;
}

/** RDS accepts a token for fifteen minutes; seconds. */
const lifetimeSeconds = 900;
/** A token with less than this left is not used for a new connection, in milliseconds. */
const reserveMs = 120_000;

/**
 * A source of tokens, each used until shortly before it expires.
 * @param clock milliseconds
 */
export function createDatabaseToken(login: DatabaseLogin, clock: () => number): () => Promise<string> {
  let token: { readonly text: string; readonly expires: number } | undefined;
  return async () => {
    const now = clock();
    if (token && token.expires - now > reserveMs) return token.text;
    token = { text: presign(login, login.credentials(), new Date(now)), expires: now + lifetimeSeconds * 1000 };
    return token.text;
  };
}

/** AWS Signature Version 4 of the request that logs the user in, as the query of its address; the SDK's signer would add 30 KB to every bundle. */
function presign({ host, port, user, region }: DatabaseLogin, credentials: Credentials, at: Date): string {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const time = at.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [time.slice(0, 8), region, 'rds-db', 'aws4_request'];
  const parameters: Record<string, string> = {
    Action: 'connect',
    DBUser: user,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${scope.join('/')}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(lifetimeSeconds),
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  };
  const query = Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
  const request = ['GET', '/', query, `host:${host}:${port}`, '', 'host', hash('')].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), hash(request)].join('\n');
  const key = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part).digest(), `AWS4${secretAccessKey}`);
  return `${host}:${port}/?${query}&X-Amz-Signature=${hmac(key, text).digest('hex')}`;
}

function hmac(key: string | Buffer, text: string) {
  return createHmac('sha256', key).update(text);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Every byte but the unreserved ones of RFC 3986 §2.3, as the signature wants it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
