/** A Postgres model for @node-oauth/oauth2-server as its documentation describes one: a statement for each method. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type {
  AuthorizationCode,
  AuthorizationCodeModel,
  Client,
  ClientCredentialsModel,
  RefreshToken,
  RefreshTokenModel,
  Token,
  User,
} from '@node-oauth/oauth2-server';
import type postgres from 'postgres';

export type Model = AuthorizationCodeModel & ClientCredentialsModel & RefreshTokenModel;

export interface StoredToken extends Token {
  readonly revoked_at: Date | null;
}

/** Writes an access token: a signed one, or undefined for the library's own random text. */
export type WriteToken = (client: Client, user: User, scope: readonly string[]) => string | undefined;

export const digest = (text: string) => createHash('sha256').update(text).digest();

const words = (text: string) => text.split(' ');

export function createModel(sql: postgres.Sql, write: WriteToken, random: () => string): Model {
  return {
    async getClient(clientId, clientSecret) {
      const [row] = await sql`select id, secret_hash, grants, redirect_uris, token_format from clients where id = ${clientId}`;
      if (!row || !timingSafeEqual(row.secret_hash, digest(clientSecret ?? ''))) return false;
      return { id: row.id, grants: row.grants, redirectUris: row.redirect_uris, token_format: row.token_format };
    },

    getUserFromClient: async (client) => ({ id: client.id }),

    validateScope: async (_user, _client, scope) => scope ?? ['read', 'write'],

    generateAccessToken: async (client, user, scope) => write(client, user, scope) ?? random(),

    async saveToken(token, client, user) {
      const refresh = token.refreshToken ? digest(token.refreshToken) : null;
      await sql`
        insert into tokens (access_token_hash, access_token_expires_at, refresh_token_hash, refresh_token_expires_at, client_id, user_id, scope)
        values (${digest(token.accessToken)}, ${token.accessTokenExpiresAt as Date}, ${refresh}, ${token.refreshTokenExpiresAt ?? null},
          ${client.id}, ${user.id}, ${(token.scope ?? []).join(' ')})`;
      return { ...token, client, user };
    },

    async getAccessToken(accessToken): Promise<StoredToken | false> {
      const [row] = await sql`
        select access_token_expires_at, client_id, user_id, scope, revoked_at from tokens where access_token_hash = ${digest(accessToken)}`;
      if (!row) return false;
      return {
        accessToken,
        accessTokenExpiresAt: row.access_token_expires_at,
        scope: words(row.scope),
        client: { id: row.client_id, grants: [] },
        user: { id: row.user_id },
        revoked_at: row.revoked_at,
      };
    },

    async getRefreshToken(refreshToken): Promise<RefreshToken | false> {
      const [row] = await sql`
        select refresh_token_expires_at, client_id, user_id, scope from tokens where refresh_token_hash = ${digest(refreshToken)}`;
      if (!row) return false;
      return {
        refreshToken,
        refreshTokenExpiresAt: row.refresh_token_expires_at,
        scope: words(row.scope),
        client: { id: row.client_id, grants: [] },
        user: { id: row.user_id },
      };
    },

    async revokeToken(token) {
      const { count } = await sql`delete from tokens where refresh_token_hash = ${digest(token.refreshToken)}`;
      return count === 1;
    },

    async getAuthorizationCode(authorizationCode): Promise<AuthorizationCode | false> {
      const [row] = await sql`
        select client_id, user_id, redirect_uri, scope, code_challenge, code_challenge_method, expires_at
        from authorization_codes where code_hash = ${digest(authorizationCode)}`;
      if (!row) return false;
      return {
        authorizationCode,
        expiresAt: row.expires_at,
        redirectUri: row.redirect_uri,
        scope: words(row.scope),
        codeChallenge: row.code_challenge,
        codeChallengeMethod: row.code_challenge_method,
        client: { id: row.client_id, grants: [] },
        user: { id: row.user_id },
      };
    },

    async saveAuthorizationCode(code, client, user) {
      await sql`
        insert into authorization_codes (code_hash, client_id, user_id, redirect_uri, scope, code_challenge, code_challenge_method, expires_at)
        values (${digest(code.authorizationCode)}, ${client.id}, ${user.id}, ${code.redirectUri}, ${(code.scope ?? []).join(' ')},
          ${code.codeChallenge ?? ''}, ${code.codeChallengeMethod ?? ''}, ${code.expiresAt})`;
      return { ...code, client, user };
    },

    async revokeAuthorizationCode(code) {
      const { count } = await sql`delete from authorization_codes where code_hash = ${digest(code.authorizationCode)}`;
      return count === 1;
    },
  };
}
