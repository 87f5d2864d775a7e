/** Proves that tokens are issued and introspected: with a client of its own, which is disabled afterwards whatever happens, and purged days later. */
import { addressOf, ask, type Finding, find } from './check-server.ts';
import type { ToolAnswer, ToolContext } from './tool.ts';

/** By which the purge knows it. */
const throwAwayName = 'oauth2ctl verify';

interface Server {
  readonly issuer: string;
  readonly base?: string | undefined;
}

interface Client {
  readonly client_id: string;
  readonly client_secret: string;
}

function resultOf<T>(name: string, { outcome, result, error }: ToolAnswer): T {
  if (outcome !== 'succeeded') throw new Error(`${name} failed: ${error?.message ?? outcome}`);
  return result as T;
}

function post(server: Server, path: string, { client_id, client_secret }: Client, form: Record<string, string>) {
  const credentials = Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64');
  return ask(addressOf(server, server.issuer.replace(/\/$/, '') + path), {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams(form),
  });
}

async function useToken(server: Server, client: Client): Promise<{ token: string; findings: Finding[] }> {
  let token = '';
  const issued = await find('token', async () => {
    const { status, json } = await post(server, '/oauth/token', client, { grant_type: 'client_credentials' });
    if (status !== 200 || typeof json?.access_token !== 'string')
      throw new Error(`the token endpoint answers ${status} ${json?.error ?? ''}`.trim());
    token = json.access_token;
    return `issued for ${json.expires_in} seconds`;
  });
  if (token === '')
    return { token, findings: [issued, { name: 'introspection', verdict: 'skipped', detail: 'there is no token' }] };
  const introspected = await find('introspection', async () => {
    const { status, json } = await post(server, '/oauth/introspect', client, { token });
    if (status !== 200 || json?.active !== true || json.client_id !== client.client_id)
      throw new Error(`introspection answers ${status}, active ${json?.active}, for a token just issued`);
    return 'the token is active';
  });
  return { token, findings: [issued, introspected] };
}

/** How the reasons begin that the audit log has of its client. */
export const verifying = 'verify: ';

/** @param why goes into the audit log with both procedures */
export async function checkTokens(context: ToolContext, server: Server, why: string): Promise<Finding[]> {
  const reason = `${verifying}${why}`;
  let client: Client | undefined;
  const created = await find('client', async () => {
    const input = { client_name: throwAwayName, grant_types: ['client_credentials'] };
    client = resultOf<Client>('create-client', await context.call('create-client', input, reason));
    return `${client.client_id}, for this check only`;
  });
  if (client === undefined) return [created];
  const { client_id } = client;
  let findings: Finding[] = [];
  try {
    ({ findings } = await useToken(server, client));
  } finally {
    findings.push(
      await find('client disabled', async () => {
        resultOf('disable-client', await context.call('disable-client', { client_id }, reason));
        return `${client_id} and its tokens are revoked`;
      }).then((finding) =>
        finding.verdict === 'well'
          ? finding
          : {
              ...finding,
              detail: `${finding.detail}: run oauth2ctl disable-client --apply --reason "verify could not" -- ${client_id}`,
            },
      ),
    );
  }
  return [created, ...findings];
}
