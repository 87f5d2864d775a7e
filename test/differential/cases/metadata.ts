/** What a client reads before anything else: the discovery document and the keys. */
import type { Cases } from '../requests.ts';

export const metadataCases: Cases = {
  'discovery: OpenID Connect': ({ issuer }) => fetch(`${issuer}/.well-known/openid-configuration`),
  'jwks: the keys': ({ issuer }) => fetch(`${issuer}/.well-known/jwks.json`),
};
