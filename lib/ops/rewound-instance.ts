/** Makes an instance of RDS beside the one that serves, as that was at an instant, and removes it: the only importer of the RDS client among the procedures. */
import type { DBInstance } from '@aws-sdk/client-rds';
import { ProcedureFault } from './input.ts';

/** What is known of an instance. */
export interface InstanceState {
  /** RDS's own word. */
  readonly status: string;
  /** Absent until it has an address. */
  readonly host?: string;
  readonly port?: number;
}

export interface Instances {
  /**
   * @param from name of the instance whose backups it is made of, or RDS's id of one that is gone
   * @throws {ProcedureFault} where RDS refuses, with its reason
   */
  rewind(target: string, { from, to }: { from: string; to: Date }): Promise<void>;
  /** @returns undefined where there is none of that name */
  find(name: string): Promise<InstanceState | undefined>;
  /** Names of instances that begin so. */
  list(beginning: string): Promise<string[]>;
  /** Begins to delete it, without a snapshot. @throws {ProcedureFault} where RDS refuses */
  remove(name: string): Promise<void>;
}

/** Longest wait for one request, in milliseconds. */
const timeoutMs = 10_000;

const refused = (what: string) => (cause: Error) => {
  throw new ProcedureFault('refused_by_rds', `RDS does not ${what}: ${cause.message}`, false);
};

async function connect() {
  const rds = await import('@aws-sdk/client-rds');
  const requestHandler = { requestTimeout: timeoutMs, connectionTimeout: 3000 };
  return { rds, client: new rds.RDSClient({ maxAttempts: 4, requestHandler }) };
}

/** Where the copy is made: in the subnets, with the parameters and behind the security groups of the one that serves. */
function surroundingsOf({ DBSubnetGroup, DBParameterGroups = [], VpcSecurityGroups = [], DBInstanceClass }: DBInstance) {
  const [parameters] = DBParameterGroups;
  return {
    ...(DBInstanceClass && { DBInstanceClass }),
    ...(DBSubnetGroup?.DBSubnetGroupName && { DBSubnetGroupName: DBSubnetGroup.DBSubnetGroupName }),
    ...(parameters?.DBParameterGroupName && { DBParameterGroupName: parameters.DBParameterGroupName }),
    VpcSecurityGroupIds: VpcSecurityGroups.flatMap(({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? []),
  };
}

/** @param source name of the instance that serves */
export function openInstances(source: string): Instances {
  let connection: ReturnType<typeof connect> | undefined;
  const open = () => {
    connection ??= connect();
    return connection;
  };

  async function describe(name: string): Promise<DBInstance | undefined> {
    const { rds, client } = await open();
    try {
      const { DBInstances } = await client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier: name }));
      return DBInstances?.[0];
    } catch (error) {
      if (error instanceof rds.DBInstanceNotFoundFault) return undefined;
      return refused(`tell of ${name}`)(error as Error);
    }
  }

  return {
    async rewind(target, { from, to }) {
      const { rds, client } = await open();
      const own = await describe(source);
      if (!own) throw new ProcedureFault('no_instance', `there is no instance ${source} in this account and region`, false);
      await client
        .send(
          new rds.RestoreDBInstanceToPointInTimeCommand({
            ...(from.startsWith('db-') ? { SourceDbiResourceId: from } : { SourceDBInstanceIdentifier: from }),
            TargetDBInstanceIdentifier: target,
            RestoreTime: to,
            ...surroundingsOf(own),
            EnableIAMDatabaseAuthentication: true,
            PubliclyAccessible: false,
            MultiAZ: false,
            DeletionProtection: false,
            CopyTagsToSnapshot: true,
          }),
        )
        .catch((error: Error) => {
          // A run before this one was cut off after it had asked.
          if (!(error instanceof rds.DBInstanceAlreadyExistsFault)) refused(`make ${target}`)(error);
        });
    },
    async find(name) {
      const found = await describe(name);
      if (!found) return undefined;
      const { DBInstanceStatus: status = 'unknown', Endpoint } = found;
      return { status, ...(Endpoint?.Address && { host: Endpoint.Address }), ...(Endpoint?.Port && { port: Endpoint.Port }) };
    },
    async list(beginning) {
      const { rds, client } = await open();
      const names: string[] = [];
      for (let Marker: string | undefined; ; ) {
        const page = await client.send(new rds.DescribeDBInstancesCommand({ ...(Marker && { Marker }) })).catch(refused('list'));
        for (const { DBInstanceIdentifier = '' } of page.DBInstances ?? [])
          if (DBInstanceIdentifier.startsWith(beginning)) names.push(DBInstanceIdentifier);
        Marker = page.Marker;
        if (!Marker) return names;
      }
    },
    async remove(name) {
      const { rds, client } = await open();
      await client
        .send(
          new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: name, SkipFinalSnapshot: true, DeleteAutomatedBackups: true }),
        )
        .catch((error: Error) => {
          if (!(error instanceof rds.DBInstanceNotFoundFault)) refused(`delete ${name}`)(error);
        });
    },
  };
}
