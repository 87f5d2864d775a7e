/** Lambda of the procedure deliver-logout-tokens: outside of the VPC, where clients can be reached and the database cannot. */
import { readConfig, readSigningSecret } from '../../../lib/config.ts';
import { createSigner } from '../../../lib/keys/signer.ts';
import { readKeyRing } from '../../../lib/keys/vault.ts';
import { deliverLogoutTokens } from '../../../lib/ops/deliver-logout-tokens.ts';
import { postLogoutToken } from '../../../lib/ops/post-logout-token.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const { issuer } = readConfig();
const secret = readSigningSecret();

export const handler = serveProcedure(deliverLogoutTokens, {
  now: () => new Date(),
  issuer,
  signer: createSigner(() => readKeyRing(secret), Date.now),
  post: (uri, token) => postLogoutToken(uri, token, { issuer }),
});
