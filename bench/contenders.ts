/** What a server under measurement offers to the rows: how it is started, where its endpoints are, how codes are made for it. */
import { createHash } from 'node:crypto';
import type { Program } from './programs.ts';
import type { Credentials } from './requests.ts';

/** How access tokens look: signed (ES256), or a random text that the server looks up. */
export type TokenFormat = 'jwt' | 'opaque';

export interface Contender {
  readonly name: string;
  /** Name and version of what is measured. */
  readonly version: string;
  readonly program: Program;
  readonly environment: Readonly<Record<string, string>>;
  /** Database whose statements are counted. */
  readonly database: string;
  readonly formats: readonly TokenFormat[];
  readonly paths: Readonly<Record<'token' | 'introspect' | 'discovery' | 'jwks', string | undefined>>;
  /** Formats that its introspection answers for. */
  readonly introspects: readonly TokenFormat[];
  credentials(format: TokenFormat): Credentials;
  /** Parameters that ask for a token of that format. */
  parameters(format: TokenFormat): Readonly<Record<string, string>>;
  /** Makes authorization codes as a finished sign-in leaves them; exchanging one gives a refresh token. */
  makeCodes(count: number): Promise<readonly string[]>;
  /** Gives back what `makeCodes` holds open. */
  close(): Promise<void>;
}

/** The same client, end-user and redirect URI at every contender. */
export const redirectUri = 'https://app.example.com/callback';
export const resource = 'https://api.example.com';
export const scope = 'read write';
export const codeVerifier = 'bench-verifier-bench-verifier-bench-verifier-43';
/** S256 of the verifier. */
export const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');

/** Connections of each server's pool, and whether statements are named: the same for all. */
export const pool = { connections: 10, prepare: true } as const;
