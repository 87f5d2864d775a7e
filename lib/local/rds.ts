/** Answers the part of the RDS API that rotates the administrator's password and restores to an instant, on a loopback address, for the embedded Postgres. */
import { randomBytes } from 'node:crypto';
import { type AwsEndpoint, AwsError, type AwsResponse, openAwsEndpoint } from './aws-endpoint.ts';
import type { PointInTime } from './point-in-time.ts';

export interface RdsOptions {
  /** Name of the only instance. */
  readonly identifier: string;
  readonly secret_arn: string;
  readonly username: string;
  /** Where the database that serves listens. */
  port(): number;
  readonly points: PointInTime;
  /** Takes a line about an instance that could not be made. */
  readonly say: (line: string) => void;
  /** Changes the password in the database. */
  setPassword(password: string): Promise<void>;
  /** Adds a version of the secret, which is the current one from then on. */
  putSecret(text: string): void;
}

/** RDS's id of the only instance, which is another one than its name. */
const resourceId = 'db-LOCAL0000000000000000';

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

/** An instance that was made from another one. */
interface Rewound {
  status: 'creating' | 'available' | 'failed' | 'deleting';
  port: number;
}

export function openRds(options: RdsOptions): Promise<AwsEndpoint> {
  const { identifier, secret_arn, username, points } = options;
  const rewound = new Map<string, Rewound>();
  let rotating = false;

  const describe = (name: string, status: string, port: number, more = '') =>
    `<DBInstance><DBInstanceIdentifier>${name}</DBInstanceIdentifier><DBInstanceStatus>${status}</DBInstanceStatus>` +
    `<Engine>postgres</Engine><MasterUsername>${username}</MasterUsername>` +
    `<Endpoint><Address>127.0.0.1</Address><Port>${port}</Port></Endpoint>${more}</DBInstance>`;

  const describeOwn = () =>
    describe(
      identifier,
      'available',
      options.port(),
      `<DbiResourceId>${resourceId}</DbiResourceId><LatestRestorableTime>${new Date().toISOString()}</LatestRestorableTime>` +
        `<MasterUserSecret><SecretArn>${secret_arn}</SecretArn><SecretStatus>${rotating ? 'rotating' : 'active'}</SecretStatus></MasterUserSecret>`,
    );

  const describeRewound = (name: string, { status, port }: Rewound) => describe(name, status, port);

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

  function findRewound(name: string): Rewound {
    const found = rewound.get(name);
    if (!found) throw new AwsError('DBInstanceNotFound', `DBInstance ${name} not found.`, 404);
    return found;
  }

  function restore(input: URLSearchParams): string {
    const target = input.get('TargetDBInstanceIdentifier') ?? '';
    const to = new Date(input.get('RestoreTime') ?? '');
    const earliest = points.findEarliest();
    const from = input.get('SourceDbiResourceId') ?? input.get('SourceDBInstanceIdentifier');
    if (from !== identifier && from !== resourceId)
      throw new AwsError('DBInstanceNotFound', `DBInstance ${from} not found.`, 404);
    if (target === identifier || rewound.has(target))
      throw new AwsError('DBInstanceAlreadyExists', `DB instance already exists: ${target}`);
    if (!earliest || !(to >= earliest && to.getTime() <= Date.now()))
      throw new AwsError('InvalidParameterValue', 'The instant is outside of the time to which the instance can be restored.');
    const made: Rewound = { status: 'creating', port: 0 };
    rewound.set(target, made);
    points.rewind(target, to).then(
      ({ port }) => Object.assign(made, { status: 'available', port }),
      (error: Error) => {
        made.status = 'failed';
        options.say(`${target} could not be made: ${error.message}`);
      },
    );
    return describeRewound(target, made);
  }

  function remove(name: string): string {
    const found = findRewound(name);
    if (found.status === 'creating' || found.status === 'deleting')
      throw new AwsError('InvalidDBInstanceState', `Instance ${name} is ${found.status}.`);
    found.status = 'deleting';
    points.remove(name).then(
      () => rewound.delete(name),
      (error: Error) => {
        found.status = 'failed';
        options.say(`${name} could not be removed: ${error.message}`);
      },
    );
    return describeRewound(name, found);
  }

  function modify(input: URLSearchParams): string {
    if (input.get('RotateMasterUserPassword') !== 'true' || input.get('ApplyImmediately') !== 'true')
      throw new AwsError(
        'InvalidParameterCombination',
        'On this machine an instance is modified to rotate its password, at once.',
      );
    if (rotating) throw new AwsError('InvalidDBInstanceState', 'The password is being rotated.');
    void rotate().catch(() => {});
    return describeOwn();
  }

  function describeWindow(): string {
    const earliest = points.findEarliest();
    if (!earliest) return '<DBInstanceAutomatedBackups></DBInstanceAutomatedBackups>';
    const times = `<EarliestTime>${earliest.toISOString()}</EarliestTime><LatestTime>${new Date().toISOString()}</LatestTime>`;
    return `<DBInstanceAutomatedBackups><DBInstanceAutomatedBackup><DBInstanceIdentifier>${identifier}</DBInstanceIdentifier><DbiResourceId>${resourceId}</DbiResourceId><Status>active</Status><RestoreWindow>${times}</RestoreWindow></DBInstanceAutomatedBackup></DBInstanceAutomatedBackups>`;
  }

  const isOwn = (input: URLSearchParams) => input.get('DBInstanceIdentifier') === identifier;

  const operations: Readonly<Record<string, (input: URLSearchParams) => string>> = {
    DescribeDBInstances(input) {
      const name = input.get('DBInstanceIdentifier');
      const all = [...rewound].map(([one, found]) => describeRewound(one, found));
      if (name === null) return `<DBInstances>${[describeOwn(), ...all].join('')}</DBInstances>`;
      return `<DBInstances>${isOwn(input) ? describeOwn() : describeRewound(name, findRewound(name))}</DBInstances>`;
    },
    DescribeDBInstanceAutomatedBackups: describeWindow,
    ModifyDBInstance(input) {
      if (!isOwn(input)) findRewound(input.get('DBInstanceIdentifier') ?? '');
      return modify(input);
    },
    RestoreDBInstanceToPointInTime: restore,
    DeleteDBInstance(input) {
      if (isOwn(input))
        throw new AwsError('InvalidDBInstanceState', 'On this machine only instances that were restored are deleted.');
      return remove(input.get('DBInstanceIdentifier') ?? '');
    },
  };

  return openAwsEndpoint(({ body }) => {
    const input = new URLSearchParams(body);
    const name = input.get('Action') ?? '';
    try {
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (!operation) throw new AwsError('InvalidAction', `${name} is not answered on this machine.`);
      return answer(name, operation(input));
    } catch (error) {
      if (error instanceof AwsError) return refuse(error);
      throw error;
    }
  });
}
