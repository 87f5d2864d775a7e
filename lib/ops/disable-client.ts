/** Disables a client and revokes everything that was issued to it. */
import { countLiveTokens, revokeLiveTokens } from '../store/access-token-revocation.ts';
import { type ClientHoldings, disableClient as disable, findClientHoldings } from '../store/client-administration.ts';
import { count } from '../telemetry.ts';
import { ProcedureFault, text } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { tellMarking } from './tell-marking.ts';
import { counted, perhapsCounted } from './wording.ts';

export interface DisableClientInput {
  readonly client_id: string;
}

export interface DisabledClient {
  readonly client_id: string;
  readonly disabled_at: string;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

const missing = (clientId: string) =>
  new ProcedureFault('not_found', `there is no client "${clientId}"; list-clients shows those that there are`);

export const disableClient: ProcedureDefinition<
  Tools,
  DisableClientInput,
  ClientHoldings & { access_tokens: number },
  DisabledClient
> = {
  name: 'disable-client',
  asks_reason: true,
  input: { client_id: text(200, { required: true }) },
  async look({ db, now }, { client_id }) {
    const holdings = await findClientHoldings(db, client_id);
    if (!holdings) throw missing(client_id);
    return { ...holdings, access_tokens: await countLiveTokens(db, { client_id }, now()) };
  },
  plan: (_input, { client_id, client_name, disabled_at, families, access_tokens }) => ({
    steps: [
      disabled_at
        ? `leave the client ${client_id} "${client_name}" disabled, as it is since ${disabled_at.toISOString()}`
        : `disable the client ${client_id} "${client_name}"`,
      `revoke ${perhapsCounted(families, 'token family', 'token families')}`,
      `revoke ${counted(access_tokens, 'access token')}`,
    ],
  }),
  async apply({ db, now }, { client_id }) {
    const at = now();
    // First the one statement after which nothing of the client is active, then the rows that may be many.
    const done = await disable(db, client_id, at, tellMarking());
    if (!done) throw missing(client_id);
    const revoked_access_tokens = await revokeLiveTokens(db, { client_id }, at);
    count('oauth_token_revoked_total', done.revoked_families + revoked_access_tokens);
    return {
      client_id,
      disabled_at: done.disabled_at.toISOString(),
      revoked_families: done.revoked_families,
      revoked_access_tokens,
    };
  },
  describe: (result) =>
    `client ${result.client_id}: ${result.revoked_families} families, ${result.revoked_access_tokens} access tokens revoked`,
  next: ({ client_id }) => [`oauth2ctl events --since 1h --subject clients/${client_id}`, 'oauth2ctl list-clients'],
};
