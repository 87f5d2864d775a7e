/** Signs and verifies the peer's JWT access tokens (ES256) with node:crypto: the quickest that an integrator can write. */
import { createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto';
import { resource } from '../contenders.ts';

const issuer = 'http://127.0.0.1';
const jwk = JSON.parse(process.env.BENCH_SIGNING_KEY ?? '{}');
const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
const publicKey = createPublicKey(privateKey);
const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: jwk.kid })).toString('base64url');

export const accessTokenSeconds = 900;

export function writeJwt(clientId: string, subject: string, scope: string): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: subject, aud: resource, client_id: clientId, scope, jti: randomUUID(), iat };
  const body = Buffer.from(JSON.stringify({ ...claims, exp: iat + accessTokenSeconds })).toString('base64url');
  const input = `${header}.${body}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The claims of a token with a good signature that has not expired. */
export function readJwt(token: string): Record<string, unknown> | undefined {
  const [head, body, signature] = token.split('.');
  if (head !== header || body === undefined || signature === undefined) return undefined;
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined;
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  return claims.exp > Date.now() / 1000 ? claims : undefined;
}
