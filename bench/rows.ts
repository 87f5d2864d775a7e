/** The rows of the comparison: what is asked of each server, and what counts as a right answer. */
import { type Answer, Connection } from './connection.ts';
import { type Contender, codeVerifier, redirectUri, type TokenFormat } from './contenders.ts';
import type { Script } from './load.ts';
import { get, post } from './requests.ts';

/** What one cell sends: a script for each connection, and how many requests there are to send at most. */
export interface Workload {
  readonly requests: number;
  script(connection: number): Script;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  /** Which token formats a contender takes part with; an empty list where it does not offer this. */
  variants(contender: Contender): readonly (TokenFormat | '')[];
  /** Makes ready what the cell needs, outside the measured time. */
  prepare(contender: Contender, port: number, variant: TokenFormat, scale: Scale): Promise<Workload>;
}

export interface Scale {
  readonly connections: number;
  /** Codes of one cell of the code exchange; tokens that introspection goes round. */
  readonly codes: number;
  readonly tokens: number;
}

interface TokenAnswer {
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly active?: boolean;
  readonly issuer?: string;
  readonly keys?: readonly unknown[];
}

const unbounded = 1_000_000;

function read({ status, body }: Answer): TokenAnswer {
  if (status !== 200) return {};
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

/** The same request again and again. */
function repeat(request: Buffer, accept: (answer: TokenAnswer) => boolean): Workload {
  return { requests: unbounded, script: () => ({ next: () => request, accept: (answer) => accept(read(answer)) }) };
}

const tokenRequest = (contender: Contender, format: TokenFormat) =>
  post(contender.paths.token as string, contender.credentials(format), {
    grant_type: 'client_credentials',
    ...contender.parameters(format),
  });

const codeRequest = (contender: Contender, code: string) =>
  post(contender.paths.token as string, contender.credentials('jwt'), {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
  });

export const refreshRequest = (contender: Contender, token: string) =>
  post(contender.paths.token as string, contender.credentials('jwt'), { grant_type: 'refresh_token', refresh_token: token });

/** Asks one after another and gives back the right answers. @throws {Error} with the first wrong one */
async function collect(port: number, requests: readonly Buffer[], member: 'access_token' | 'refresh_token'): Promise<string[]> {
  const connection = new Connection(port);
  const texts: string[] = [];
  for (const request of requests) {
    const answer = await connection.ask(request);
    const text = read(answer)[member];
    if (text === undefined) throw new Error(`no ${member} in ${answer.status} ${answer.body.slice(0, 300)}`);
    texts.push(text);
  }
  connection.close();
  return texts;
}

/** Refresh tokens as a code exchange gives them. */
export async function makeRefreshTokens(contender: Contender, port: number, count: number): Promise<string[]> {
  const codes = await contender.makeCodes(count);
  return collect(
    port,
    codes.map((code) => codeRequest(contender, code)),
    'refresh_token',
  );
}

const signed = ({ formats }: Contender) => formats.filter((format) => format === 'jwt');

export const rows: readonly Row[] = [
  {
    name: 'client-credentials',
    title: 'client_credentials',
    variants: ({ formats }) => formats,
    prepare: async (contender, _port, format) =>
      repeat(tokenRequest(contender, format), (answer) => answer.access_token !== undefined),
  },
  {
    name: 'introspection',
    title: 'introspection, revocation checked',
    variants: ({ introspects }) => introspects,
    async prepare(contender, port, format, { tokens }) {
      const texts = await collect(
        port,
        Array.from({ length: tokens }, () => tokenRequest(contender, format)),
        'access_token',
      );
      const requests = texts.map((token) =>
        post(contender.paths.introspect as string, contender.credentials(format), { token, token_type_hint: 'access_token' }),
      );
      let at = 0;
      return {
        requests: unbounded,
        script: () => ({
          next: () => requests[at++ % requests.length],
          accept: (answer) => read(answer).active === true,
        }),
      };
    },
  },
  {
    name: 'code-exchange',
    title: 'code exchange with PKCE',
    variants: signed,
    async prepare(contender, _port, _format, { codes }) {
      const texts = await contender.makeCodes(codes);
      const requests = texts.map((code) => codeRequest(contender, code));
      return {
        requests: requests.length,
        script: () => ({
          next: () => requests.pop(),
          accept: (answer) => read(answer).access_token !== undefined,
        }),
      };
    },
  },
  {
    name: 'refresh',
    title: 'refresh with rotation',
    variants: signed,
    async prepare(contender, port, _format, { connections }) {
      const tokens = await makeRefreshTokens(contender, port, connections);
      return {
        requests: unbounded,
        script(connection) {
          let token = tokens[connection] as string;
          return {
            next: () => refreshRequest(contender, token),
            accept(answer) {
              const { access_token, refresh_token } = read(answer);
              const rotated = refresh_token !== undefined && refresh_token !== token;
              token = refresh_token ?? token;
              return access_token !== undefined && rotated;
            },
          };
        },
      };
    },
  },
  {
    name: 'discovery',
    title: 'discovery document',
    variants: ({ paths }) => (paths.discovery ? [''] : []),
    prepare: async ({ paths }) => repeat(get(paths.discovery as string), ({ issuer }) => issuer !== undefined),
  },
  {
    name: 'jwks',
    title: 'JWKS',
    variants: ({ paths }) => (paths.jwks ? [''] : []),
    prepare: async ({ paths }) => repeat(get(paths.jwks as string), ({ keys }) => (keys?.length ?? 0) > 0),
  },
];
