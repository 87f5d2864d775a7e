/** Token requests: how clients authenticate, and every grant type with what can be wrong with it. */
import { api, redirectUri, secretOf } from '../contestants.ts';
import {
  as,
  authenticated,
  basic,
  type Cases,
  exchange,
  type Form,
  getTokens,
  post,
  postAs,
  type Send,
  withTokens,
} from '../requests.ts';

const path = '/oauth/token';
const own = { grant_type: 'client_credentials', scope: 'read' };
const verifier = 'w'.repeat(43);

const send =
  (form: Form, headers: Readonly<Record<string, string>> = {}): Send =>
  (server) =>
    post(server, path, form, headers);

/** A refresh with the token of a fresh code. */
const refresh = (changes: Form = {}, by: 'web' | 'other' | 'app' = 'web', scope = 'openid offline_access read'): Send =>
  withTokens(
    by === 'app' ? 'app' : 'web',
    (server, { refresh_token }) => postAs(server, by, path, { grant_type: 'refresh_token', refresh_token, ...changes }),
    { scope, ...(changes.resource !== undefined && { resource: api }) },
  );

const authenticationCases: Cases = {
  'token: no client': send(own),
  'token: an unknown client': send(own, { authorization: `Basic ${Buffer.from('nobody:x').toString('base64')}` }),
  'token: an unknown client in the body': send({ ...own, client_id: 'nobody', client_secret: 'x' }),
  'token: a wrong secret in the header': send(own, basic('web', 'wrong')),
  'token: a wrong secret in the body': send({ ...own, client_id: 'post', client_secret: 'wrong' }),
  'token: the secret in the body where the header is registered': send({
    ...own,
    client_id: 'web',
    client_secret: secretOf('web'),
  }),
  'token: the secret in the header where the body is registered': send(own, basic('post')),
  'token: no secret where one is registered': send({ ...own, client_id: 'web' }),
  'token: a secret of a public client': send({ ...own, client_id: 'app', client_secret: 'x' }),
  'token: header and body at once': send({ ...own, client_id: 'web', client_secret: secretOf('web') }, basic('web')),
  'token: another client_id in the body than in the header': send({ ...own, client_id: 'other' }, basic('web')),
  'token: the same client_id in the body as in the header': send({ ...own, client_id: 'web' }, basic('web')),
  'token: a Basic header that is no base64': send(own, { authorization: 'Basic ***' }),
  'token: a Basic header without a colon': send(own, { authorization: `Basic ${Buffer.from('web').toString('base64')}` }),
  'token: a Bearer header': send(own, { authorization: 'Bearer abc' }),
  'token: credentials in the query': ({ issuer }) =>
    fetch(`${issuer}${path}?client_id=post&client_secret=${secretOf('post')}`, {
      method: 'POST',
      body: new URLSearchParams(own),
    }),
  'token: GET': ({ issuer }) => fetch(`${issuer}${path}?grant_type=client_credentials`, { headers: basic('web') }),
  'token: a JSON body': ({ issuer }) =>
    fetch(issuer + path, {
      method: 'POST',
      body: JSON.stringify(own),
      headers: { ...basic('web'), 'content-type': 'application/json' },
    }),
  'token: no body': ({ issuer }) => fetch(issuer + path, { method: 'POST', headers: basic('web') }),
};

const grantTypeCases: Cases = {
  'token: no grant_type': as('web', path, { scope: 'read' }),
  'token: an unknown grant_type': as('web', path, { grant_type: 'telepathy' }),
  'token: the password grant': as('web', path, { grant_type: 'password', username: 'a', password: 'b' }),
  'token: a repeated grant_type': as('web', path, { grant_type: ['client_credentials', 'client_credentials'] }),
  'client_credentials: a good request': as('machine', path, own),
  'client_credentials: with client_secret_post': as('post', path, own),
  'client_credentials: no scope': as('machine', path, { grant_type: 'client_credentials' }),
  'client_credentials: for a resource': as('machine', path, { ...own, resource: api }),
  'client_credentials: for an unknown resource': as('machine', path, { ...own, resource: 'https://other.example/' }),
  'client_credentials: a scope that is not registered': as('machine', path, { ...own, scope: 'read fly' }),
  'client_credentials: a repeated scope': as('machine', path, { ...own, scope: ['read', 'write'] }),
  'client_credentials: a public client': as('app', path, own),
  'client_credentials: an unknown parameter': as('machine', path, { ...own, colour: 'blue' }),
};

const codeCases: Cases = {
  'code: a good exchange': exchange('web', { scope: 'openid offline_access read' }),
  'code: a good exchange of a public client': exchange('app', { scope: 'openid offline_access read' }),
  'code: a good exchange with client_secret_post': exchange('post', { scope: 'openid offline_access read' }),
  'code: without openid': exchange('web', { scope: 'read' }),
  'code: for a resource': exchange('web', { scope: 'openid offline_access read', resource: api }),
  'code: an unknown code': exchange('web', {}, { code: 'x'.repeat(43) }),
  'code: no code': exchange('web', {}, { code: undefined }),
  'code: a wrong verifier': exchange('web', {}, { code_verifier: verifier }),
  'code: no verifier': exchange('web', {}, { code_verifier: undefined }),
  'code: a verifier that is too short': exchange('web', {}, { code_verifier: 'short' }),
  'code: another redirect_uri': exchange('web', {}, { redirect_uri: `${redirectUri}/second` }),
  'code: no redirect_uri': exchange('web', {}, { redirect_uri: undefined }),
  'code: of another client': exchange('web', {}, {}, 'other'),
  'code: by a client that may not': exchange('web', {}, {}, 'machine'),
  'code: another resource than granted': exchange('web', { resource: api }, { resource: 'https://other.example/' }),
  'code: a repeated code': exchange('web', {}, { code: ['a', 'b'] }),
  'code: used twice': async (server) => {
    const code = await server.makeCode('web');
    const form = { grant_type: 'authorization_code', redirect_uri: redirectUri, ...code };
    await postAs(server, 'web', path, form);
    return postAs(server, 'web', path, form);
  },
};

const refreshCases: Cases = {
  'refresh: a good request': refresh(),
  'refresh: a good request of a public client': refresh({}, 'app'),
  'refresh: for a granted resource': refresh({ resource: api }),
  'refresh: for another resource': refresh({ resource: 'https://other.example/' }),
  'refresh: a narrower scope': refresh({ scope: 'openid' }),
  'refresh: a wider scope': refresh({ scope: 'openid offline_access read write' }),
  'refresh: no token': refresh({ refresh_token: undefined }),
  'refresh: an unknown token': refresh({ refresh_token: 'x'.repeat(43) }),
  'refresh: by another client': refresh({}, 'other'),
  'refresh: by a client that may not': as('machine', path, { grant_type: 'refresh_token', refresh_token: 'x' }),
  'refresh: an access token': withTokens('web', (server, { access_token }) =>
    postAs(server, 'web', path, { grant_type: 'refresh_token', refresh_token: access_token }),
  ),
  'refresh: without the secret': async (server) => {
    const { refresh_token } = await getTokens(server, 'web');
    return post(server, path, { grant_type: 'refresh_token', refresh_token, client_id: 'web' });
  },
  'refresh: the same token at once again': withTokens('web', async (server, { refresh_token }) => {
    const form = { ...authenticated('web').form, grant_type: 'refresh_token', refresh_token };
    await postAs(server, 'web', path, form);
    return postAs(server, 'web', path, form);
  }),
  'refresh: a token from long before its successor': withTokens('web', async (server, { refresh_token }) => {
    const form = { grant_type: 'refresh_token' };
    const next = await postAs(server, 'web', path, { ...form, refresh_token });
    const successor = ((await next.json()) as { refresh_token: string }).refresh_token;
    await postAs(server, 'web', path, { ...form, refresh_token: successor });
    return postAs(server, 'web', path, { ...form, refresh_token });
  }),
  'refresh: a revoked token': withTokens('web', async (server, { refresh_token }) => {
    await postAs(server, 'web', '/oauth/revoke', { token: refresh_token });
    return postAs(server, 'web', path, { grant_type: 'refresh_token', refresh_token });
  }),
};

export const tokenCases: Cases = { ...authenticationCases, ...grantTypeCases, ...codeCases, ...refreshCases };
