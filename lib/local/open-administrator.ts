/** Gives the administrator of the embedded Postgres the password of its secret, and opens the RDS API that replaces both, and makes the database again as it was. */
import { instanceName } from '../stages.ts';
import { administratorRole, setAdministrator } from './administrator.ts';
import type { AwsEndpoint } from './aws-endpoint.ts';
import type { Database } from './database.ts';
import type { PointInTime } from './point-in-time.ts';
import { openRds } from './rds.ts';
import { secretArn } from './secret-arn.ts';
import type { Secrets } from './secrets.ts';

export interface AdministratorOptions {
  readonly secrets: Secrets;
  /** The database, as it is now: where it listens, and the connection URL of the superuser. */
  database(): Pick<Database, 'port' | 'url'>;
  readonly place: { readonly region: string; readonly account: string };
  readonly stage: string;
  readonly username?: string;
  readonly points: PointInTime;
  readonly say: (line: string) => void;
}

/** Name of the secret, as the stage's row has it. */
export const administratorSecret = 'oauth2/local/database-administrator';

export async function openAdministrator(options: AdministratorOptions): Promise<AwsEndpoint> {
  const { secrets, database, place, stage, username = administratorRole, points, say } = options;
  const arn = secretArn(place, administratorSecret);
  const SecretStringTemplate = JSON.stringify({ username });
  const generate = { SecretStringTemplate, GenerateStringKey: 'password', ExcludePunctuation: true };
  secrets.declare([{ name: administratorSecret, arn, generate }]);
  const setPassword = (password: string) => setAdministrator(database().url(), username, password);
  await setPassword(JSON.parse(secrets.read(arn)).password);
  return openRds({
    identifier: instanceName(stage),
    secret_arn: arn,
    username,
    port: () => database().port,
    points,
    say,
    setPassword,
    putSecret: (text) => secrets.put(arn, text),
  });
}
