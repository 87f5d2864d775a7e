/** Answers the part of the RDS API that rotates the administrator's password, on a loopback address, for the embedded Postgres. */
import { randomBytes } from 'node:crypto';
import { type AwsEndpoint, AwsError, type AwsResponse, openAwsEndpoint } from './aws-endpoint.ts';

export interface RdsOptions {
  /** Name of the only instance. */
  readonly identifier: string;
  readonly secret_arn: string;
  readonly username: string;
  /** Changes the password in the database. */
  setPassword(password: string): Promise<void>;
  /** Adds a version of the secret, which is the current one from then on. */
  putSecret(text: string): void;
}

const namespace = 'http://rds.amazonaws.com/doc/2014-10-31/';

function answer(operation: string, body: string): AwsResponse {
  const text = `<${operation}Response xmlns="${namespace}"><${operation}Result>${body}</${operation}Result></${operation}Response>`;
  return { status: 200, headers: { 'content-type': 'text/xml' }, body: text };
}

function refuse({ code, message, status }: AwsError): AwsResponse {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return {
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="${namespace}">${error}</ErrorResponse>`,
  };
}

export function openRds(options: RdsOptions): Promise<AwsEndpoint> {
  const { identifier, secret_arn, username } = options;
  let rotating = false;

  const describe = () =>
    `<DBInstance><DBInstanceIdentifier>${identifier}</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus>` +
    `<Engine>postgres</Engine><MasterUsername>${username}</MasterUsername><MasterUserSecret><SecretArn>${secret_arn}</SecretArn>` +
    `<SecretStatus>${rotating ? 'rotating' : 'active'}</SecretStatus></MasterUserSecret></DBInstance>`;

  /** The database first: what a start finds in the secret becomes the password, so that a stop in between leaves the two in agreement. */
  async function rotate(): Promise<void> {
    rotating = true;
    try {
      const password = randomBytes(24).toString('base64url');
      await options.setPassword(password);
      options.putSecret(JSON.stringify({ username, password }));
    } finally {
      rotating = false;
    }
  }

  function modify(input: URLSearchParams): AwsResponse {
    if (input.get('RotateMasterUserPassword') !== 'true' || input.get('ApplyImmediately') !== 'true')
      throw new AwsError(
        'InvalidParameterCombination',
        'On this machine an instance is modified to rotate its password, at once.',
      );
    if (rotating) throw new AwsError('InvalidDBInstanceState', 'The password is being rotated.');
    void rotate().catch(() => {});
    return answer('ModifyDBInstance', describe());
  }

  return openAwsEndpoint(({ body }) => {
    const input = new URLSearchParams(body);
    const name = input.get('Action') ?? '';
    try {
      if (input.get('DBInstanceIdentifier') !== identifier)
        throw new AwsError('DBInstanceNotFound', `DBInstance ${input.get('DBInstanceIdentifier')} not found.`, 404);
      if (name === 'DescribeDBInstances') return answer(name, `<DBInstances>${describe()}</DBInstances>`);
      if (name === 'ModifyDBInstance') return modify(input);
      throw new AwsError('InvalidAction', `${name} is not answered on this machine.`);
    } catch (error) {
      if (error instanceof AwsError) return refuse(error);
      throw error;
    }
  });
}
