/** Requests about tokens that were issued: introspection, revocation, userinfo. */
import { api } from '../contestants.ts';
import { as, basic, type Cases, encode, getClientToken, post, postAs, withTokens } from '../requests.ts';

const introspect = '/oauth/introspect';
const revoke = '/oauth/revoke';
const userinfo = '/oauth/userinfo';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export const introspectionCases: Cases = {
  'introspect: no client': (server) => post(server, introspect, { token: 'x' }),
  'introspect: a wrong secret': (server) => post(server, introspect, { token: 'x' }, basic('web', 'wrong')),
  'introspect: a public client': withTokens('app', (server, { access_token }) =>
    postAs(server, 'app', introspect, { token: access_token }),
  ),
  'introspect: no token': as('web', introspect, {}),
  'introspect: a repeated token': as('web', introspect, { token: ['a', 'b'] }),
  'introspect: garbage': as('web', introspect, { token: 'garbage' }),
  'introspect: GET': ({ issuer }) => fetch(`${issuer}${introspect}?token=x`, { headers: basic('web') }),
  'introspect: an active access token': withTokens('web', (server, { access_token }) =>
    postAs(server, 'web', introspect, { token: access_token }),
  ),
  'introspect: an active access token under a wrong hint': withTokens('web', (server, { access_token }) =>
    postAs(server, 'web', introspect, { token: access_token, token_type_hint: 'refresh_token' }),
  ),
  'introspect: under an unknown hint': withTokens('web', (server, { access_token }) =>
    postAs(server, 'web', introspect, { token: access_token, token_type_hint: 'biscuit' }),
  ),
  'introspect: an active refresh token': withTokens('web', (server, { refresh_token }) =>
    postAs(server, 'web', introspect, { token: refresh_token }),
  ),
  "introspect: a client's own token": async (server) =>
    postAs(server, 'machine', introspect, { token: await getClientToken(server, 'machine') }),
  "introspect: another client's token": withTokens('web', (server, { access_token }) =>
    postAs(server, 'other', introspect, { token: access_token }),
  ),
  'introspect: a revoked refresh token': withTokens('web', async (server, { refresh_token }) => {
    await postAs(server, 'web', revoke, { token: refresh_token });
    return postAs(server, 'web', introspect, { token: refresh_token });
  }),
  'introspect: an access token whose refresh token was revoked': withTokens(
    'web',
    async (server, { access_token, refresh_token }) => {
      await postAs(server, 'web', revoke, { token: refresh_token });
      return postAs(server, 'web', introspect, { token: access_token });
    },
  ),
};

export const revocationCases: Cases = {
  'revoke: no client': (server) => post(server, revoke, { token: 'x' }),
  'revoke: a wrong secret': (server) => post(server, revoke, { token: 'x' }, basic('web', 'wrong')),
  'revoke: no token': as('web', revoke, {}),
  'revoke: a repeated token': as('web', revoke, { token: ['a', 'b'] }),
  'revoke: garbage': as('web', revoke, { token: 'garbage' }),
  'revoke: GET': ({ issuer }) => fetch(`${issuer}${revoke}?token=x`, { headers: basic('web') }),
  'revoke: an access token': withTokens('web', (server, { access_token }) =>
    postAs(server, 'web', revoke, { token: access_token }),
  ),
  'revoke: a refresh token': withTokens('web', (server, { refresh_token }) =>
    postAs(server, 'web', revoke, { token: refresh_token }),
  ),
  'revoke: a refresh token under a wrong hint': withTokens('web', (server, { refresh_token }) =>
    postAs(server, 'web', revoke, { token: refresh_token, token_type_hint: 'access_token' }),
  ),
  'revoke: under an unknown hint': as('web', revoke, { token: 'garbage', token_type_hint: 'biscuit' }),
  "revoke: a public client's own token": withTokens('app', (server, { refresh_token }) =>
    postAs(server, 'app', revoke, { token: refresh_token }),
  ),
  "revoke: another client's token": withTokens('web', (server, { refresh_token }) =>
    postAs(server, 'other', revoke, { token: refresh_token }),
  ),
  'revoke: a token twice': withTokens('web', async (server, { refresh_token }) => {
    await postAs(server, 'web', revoke, { token: refresh_token });
    return postAs(server, 'web', revoke, { token: refresh_token });
  }),
};

const ask = (issuer: string, headers: Readonly<Record<string, string>> = {}, query = '') =>
  fetch(`${issuer}${userinfo}${query}`, { headers });

export const userinfoCases: Cases = {
  'userinfo: no token': ({ issuer }) => ask(issuer),
  'userinfo: garbage': ({ issuer }) => ask(issuer, bearer('garbage')),
  'userinfo: a Basic header': ({ issuer }) => ask(issuer, basic('web')),
  'userinfo: a good token': withTokens('web', ({ issuer }, { access_token }) => ask(issuer, bearer(access_token))),
  'userinfo: a good token for openid alone': withTokens(
    'web',
    ({ issuer }, { access_token }) => ask(issuer, bearer(access_token)),
    {
      scope: 'openid',
    },
  ),
  'userinfo: a good token by POST': withTokens('web', ({ issuer }, { access_token }) =>
    fetch(issuer + userinfo, { method: 'POST', headers: bearer(access_token) }),
  ),
  'userinfo: a good token in a form': withTokens('web', (server, { access_token }) => post(server, userinfo, { access_token })),
  'userinfo: a token in header and form at once': withTokens('web', (server, { access_token }) =>
    post(server, userinfo, { access_token }, bearer(access_token)),
  ),
  'userinfo: a token in the query': withTokens('web', ({ issuer }, { access_token }) =>
    ask(issuer, {}, `?${encode({ access_token })}`),
  ),
  'userinfo: a token without openid': withTokens('web', ({ issuer }, { access_token }) => ask(issuer, bearer(access_token)), {
    scope: 'read',
  }),
  'userinfo: a token for a resource server': withTokens(
    'web',
    ({ issuer }, { access_token }) => ask(issuer, bearer(access_token)),
    {
      resource: api,
    },
  ),
  "userinfo: a client's own token": async (server) => ask(server.issuer, bearer(await getClientToken(server, 'machine'))),
  'userinfo: a refresh token': withTokens('web', ({ issuer }, { refresh_token }) => ask(issuer, bearer(refresh_token))),
  'userinfo: a revoked token': withTokens('web', async (server, { access_token, refresh_token }) => {
    await postAs(server, 'web', revoke, { token: refresh_token });
    return ask(server.issuer, bearer(access_token));
  }),
};
