/** Gives the administrator of the embedded Postgres the password of its secret, and opens the RDS API that replaces both. */
import { administratorRole, setAdministrator } from './administrator.ts';
import type { AwsEndpoint } from './aws-endpoint.ts';
import { openRds } from './rds.ts';
import { secretArn } from './secret-arn.ts';
import type { Secrets } from './secrets.ts';

export interface AdministratorOptions {
  readonly secrets: Secrets;
  /** Connection URL of the superuser, as it is now. */
  url(): string;
  readonly place: { readonly region: string; readonly account: string };
  readonly stage: string;
  readonly username?: string;
}

/** Name of the secret, as the stage's row has it. */
export const administratorSecret = 'oauth2/local/database-administrator';

export async function openAdministrator(options: AdministratorOptions): Promise<AwsEndpoint> {
  const { secrets, url, place, stage, username = administratorRole } = options;
  const arn = secretArn(place, administratorSecret);
  const SecretStringTemplate = JSON.stringify({ username });
  const generate = { SecretStringTemplate, GenerateStringKey: 'password', ExcludePunctuation: true };
  secrets.declare([{ name: administratorSecret, arn, generate }]);
  const setPassword = (password: string) => setAdministrator(url(), username, password);
  await setPassword(JSON.parse(secrets.read(arn)).password);
  return openRds({
    identifier: `oauth2-${stage}`,
    secret_arn: arn,
    username,
    setPassword,
    putSecret: (text) => secrets.put(arn, text),
  });
}
