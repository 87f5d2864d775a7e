/** Finds out why a stage does not reach its database or its signing keys. */
import type { ToolContext } from '../releases/tool.ts';
import { instanceName } from '../stages.ts';
import type { Cause } from './doctor.ts';
import type { FunctionState } from './functions.ts';
import { withSecrets } from './stage-clients.ts';

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

async function describeInstance(stage: string): Promise<{ seen: string; mend: string }> {
  const { RDSClient, DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds');
  const rds = new RDSClient({ maxAttempts: 3 });
  const name = instanceName(stage);
  try {
    const { DBInstances } = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: name }));
    const state = DBInstances?.[0]?.DBInstanceStatus ?? 'unknown';
    if (state === 'stopped')
      return { seen: `the instance ${name} is stopped`, mend: `aws rds start-db-instance --db-instance-identifier ${name}` };
    if (state === 'storage-full')
      return { seen: `the storage of ${name} is full`, mend: 'raise storage_limit_gib in the stage row and deploy' };
    if (state !== 'available')
      return { seen: `the instance ${name} is ${state}`, mend: 'wait until it is available; requests recover by themselves' };
    return {
      seen: `the instance ${name} is available`,
      mend: 'look at the proxy, its target and the security groups: oauth2ctl logs --function database',
    };
  } catch (error) {
    if ((error as Error).name === 'DBInstanceNotFoundFault')
      return { seen: `there is no instance ${name}`, mend: 'have it made anew and restored: runbooks/lost-database.md' };
    return { seen: `RDS says: ${(error as Error).message}`, mend: 'look at the instance in the RDS console' };
  } finally {
    rds.destroy();
  }
}

/** @param status what the procedure status says; undefined where it did not answer */
export async function findDatabaseCause({ stage }: ToolContext, status: Values | undefined): Promise<Cause[]> {
  if (status === undefined || status.database.reachable) return [];
  const cause = 'the database cannot be reached';
  if (stage !== 'local') return [{ cause, ...(await describeInstance(stage)) }];
  return [
    {
      cause,
      seen: 'functions get no answer from the embedded Postgres',
      mend: 'oauth2ctl logs --function database says why; stop npm start and start it again',
    },
  ];
}

/** Reads what the secret is, never its value. */
export async function findSecretCause(
  context: ToolContext,
  functions: readonly FunctionState[],
  status: Values | undefined,
): Promise<Cause[]> {
  const id = functions.find(({ signing_secret }) => signing_secret !== undefined)?.signing_secret;
  if (id === undefined) return [];
  const unreadable = 'the secret with the signing keys cannot be read';
  return withSecrets(context, async (secrets): Promise<Cause[]> => {
    const { DescribeSecretCommand, ResourceNotFoundException } = await import('@aws-sdk/client-secrets-manager');
    try {
      const { DeletedDate, VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: id }));
      if (DeletedDate !== undefined)
        return [
          {
            cause: 'the secret with the signing keys was deleted',
            seen: `marked for deletion since ${DeletedDate.toISOString()}`,
            mend: `aws secretsmanager restore-secret --secret-id ${id}`,
          },
        ];
      if (!Object.values(VersionIdsToStages).some((stages) => stages?.includes('AWSCURRENT')))
        return [
          {
            cause: 'the secret with the signing keys has no value',
            seen: id,
            mend: 'deploy: create-signing-keys is one of its steps',
          },
        ];
      if (status?.signing.secret !== 'unreadable') return [];
      return [
        {
          cause: unreadable,
          seen: `${id} is there`,
          mend: 'look at its KMS key, at its policy and at the role of the function status',
        },
      ];
    } catch (error) {
      if (error instanceof ResourceNotFoundException)
        return [
          {
            cause: 'the secret with the signing keys is missing',
            seen: id,
            mend: 'deploy the keys stack, then create-signing-keys: new keys, so every token issued before ends',
          },
        ];
      if (status?.signing.secret !== 'unreadable') return [];
      return [{ cause: unreadable, seen: (error as Error).message, mend: 'look at Secrets Manager in this account and region' }];
    }
  });
}
