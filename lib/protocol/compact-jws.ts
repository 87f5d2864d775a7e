/** Writes and verifies compact JWS with this server's two algorithms (RFC 7515 §3.1); synchronous, as a trip to another thread costs more than a signature. */
import { type KeyObject, sign, verify } from 'node:crypto';
import type { SigningAlgorithm } from './client.ts';
import { toConcatenated, toDer } from './ecdsa-signature.ts';

export interface ProtectedHeader {
  readonly alg: SigningAlgorithm;
  readonly typ: string;
  readonly kid: string;
}

const isElliptic = (key: KeyObject) => key.asymmetricKeyType === 'ec';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The first part of every token with that header. */
export function encodeHeader(header: ProtectedHeader): string {
  return encode(header);
}

/** @param header from `encodeHeader`, for an algorithm that fits the key */
export function signCompact(header: string, claims: object, key: KeyObject): string {
  const input = `${header}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), key);
  return `${input}.${(isElliptic(key) ? toConcatenated(signature) : signature).toString('base64url')}`;
}

/** Whether the key is of the kind that the algorithm needs (RFC 7518 §3.3, §3.4). */
export function fitsAlgorithm(key: KeyObject, alg: string): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (alg === 'ES256') return key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
  return alg === 'RS256' && key.asymmetricKeyType === 'rsa' && modulusLength >= 2048;
}

/** A token whose signature nobody has looked at yet. */
export interface UnverifiedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly input: string;
  readonly payload: string;
  readonly signature: Buffer;
}

/** Splits a token; undefined where it is no compact JWS, or asks for an extension (RFC 7515 §4.1.11: none is known here). */
export function readCompact(token: string): UnverifiedJws | undefined {
  const parts = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token);
  if (!parts) return undefined;
  const [, head = '', payload = '', tail = ''] = parts;
  const header = readObject(head);
  if (!header || 'crit' in header) return undefined;
  const signature = Buffer.from(tail, 'base64url');
  // One signature has one spelling.
  if (signature.toString('base64url') !== tail) return undefined;
  return { header, input: `${head}.${payload}`, payload, signature };
}

/** The claims, where the signature is the key's. */
export function verifyCompact(jws: UnverifiedJws, key: KeyObject): Record<string, unknown> | undefined {
  const signature = isElliptic(key) ? toDer(jws.signature) : jws.signature;
  if (!signature || !verify('sha256', Buffer.from(jws.input), key, signature)) return undefined;
  return readObject(jws.payload);
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
