/** Replaces the password of the database's administrator through the service that keeps it, and proves that the new one works and the old one does not. */
import { setTimeout as pause } from 'node:timers/promises';
import { checkServer } from '../releases/check-server.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { answering, type ToolContext, type ToolProcedure, tellStep } from '../releases/tool.ts';
import { findIssuer } from '../releases/verify.ts';
import { instanceName } from '../stages.ts';

/** What RDS and Secrets Manager say about the administrator. */
interface Administrator {
  readonly username: string;
  readonly secret_arn: string;
  readonly rotating: boolean;
  /** Of the secret. */
  readonly version: string;
}

interface Vault {
  read(): Promise<Administrator>;
  rotate(): Promise<void>;
}

/** Roles that sign in with tokens of IAM: nothing of theirs is there to rotate. */
const withoutPassword = 'oauth2_api, oauth2_operator and oauth2_migrator';

async function withVault<T>({ stage, findLocalRuntime }: ToolContext, work: (vault: Vault) => Promise<T>): Promise<T> {
  const [rdsModule, secretsModule] = await Promise.all([
    import('@aws-sdk/client-rds'),
    import('@aws-sdk/client-secrets-manager'),
  ]);
  const local = stage === 'local' ? findLocalRuntime() : undefined;
  const at = (endpoint: string | undefined) => ({
    maxAttempts: 5,
    requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 },
    ...(local && {
      endpoint: endpoint ?? '',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    }),
  });
  const rds = new rdsModule.RDSClient(at(local?.rds_endpoint));
  const secrets = new secretsModule.SecretsManagerClient(at(local?.secrets_endpoint));
  const DBInstanceIdentifier = instanceName(stage);
  try {
    return await work({
      async read() {
        const { DBInstances = [] } = await rds
          .send(new rdsModule.DescribeDBInstancesCommand({ DBInstanceIdentifier }))
          .catch((error: Error) => {
            if (error.name !== 'DBInstanceNotFoundFault') throw error;
            throw new ReleaseFault(
              'no_database',
              `there is no database ${DBInstanceIdentifier} in this account and region: the stage's database is run by somebody else, who has its passwords`,
            );
          });
        const { MasterUsername = '', MasterUserSecret: { SecretArn, SecretStatus } = {} } = DBInstances[0] ?? {};
        if (SecretArn === undefined)
          throw new ReleaseFault('no_secret', `RDS does not keep the administrator's password of ${DBInstanceIdentifier}`);
        const { VersionIdsToStages = {} } = await secrets.send(new secretsModule.DescribeSecretCommand({ SecretId: SecretArn }));
        const current = Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes('AWSCURRENT'));
        return {
          username: MasterUsername,
          secret_arn: SecretArn,
          rotating: SecretStatus !== 'active',
          version: current?.[0] ?? '',
        };
      },
      async rotate() {
        await rds.send(
          new rdsModule.ModifyDBInstanceCommand({ DBInstanceIdentifier, RotateMasterUserPassword: true, ApplyImmediately: true }),
        );
      },
    });
  } finally {
    rds.destroy();
    secrets.destroy();
  }
}

/** Looks at the secret after which whoever waits is told that RDS is still at work: every half a minute. */
const looksBetweenNews = 15;

/** RDS takes a minute or two. @param former version before; undefined where a rotation of before is waited for */
async function waitForRotation(vault: Vault, former: string | undefined, context: ToolContext): Promise<Administrator> {
  const { patience } = context;
  for (let attempt = 0; attempt < patience.tries * 30; attempt++) {
    const found = await vault.read();
    if (!found.rotating && found.version !== former) return found;
    if (attempt % looksBetweenNews === looksBetweenNews - 1) tellStep(context, 'RDS is still at work');
    await pause(Math.max(patience.pause_ms, 20));
  }
  throw new ReleaseFault(
    'still_rotating',
    'RDS has not finished in ten minutes: run this again, it goes on to wait; the events of the database say what it does',
  );
}

/**
 * Who replaces it, and why, is on record before it happens: whoever is cut off does not come to the proof. A password that leaked is replaced
 * all the same where that cannot be recorded.
 * @returns what became of the entry
 */
async function tellAuditLog({ call }: ToolContext, { username }: Administrator, reason: string): Promise<string> {
  try {
    const answer = await call('record-act', { act: 'rotate', of: [{ what: username, count: 1 }] }, reason);
    return answer.outcome === 'succeeded' ? 'recorded' : `not recorded: ${answer.error?.message ?? answer.outcome}`;
  } catch (error) {
    return `not recorded: ${(error as Error).message}`;
  }
}

async function isReady(context: ToolContext): Promise<boolean> {
  const findings = await checkServer({
    issuer: await findIssuer(context),
    base: context.environment.OAUTH2_BASE_URL || undefined,
    ...context.patience,
  });
  return findings.some(({ name, verdict }) => name === 'ready' && verdict === 'well');
}

export const rotateDatabasePassword: ToolProcedure = answering((context, order) =>
  withVault(context, async (vault) => {
    const before = await vault.read();
    const plan = {
      steps: [
        `leave ${withoutPassword} as they are: they sign in ${context.stage === 'local' ? 'without a password on this machine' : 'with tokens of IAM and have no password'}`,
        before.rotating
          ? `wait for the rotation of ${before.username} that is under way`
          : `have RDS replace the password of ${before.username}, now version ${before.version} of ${before.secret_arn}`,
        'sign in with the new password, be refused with the old one, and ask /ready',
      ],
    };
    if (!order.apply) return { outcome: 'planned' as const, plan };
    let audit_log = 'recorded by the run before, if at all';
    if (before.rotating) tellStep(context, `waiting for the rotation of ${before.username} that is under way`);
    else {
      audit_log = await tellAuditLog(context, before, order.reason ?? '');
      tellStep(context, `RDS replaces the password of ${before.username}, which takes a minute or two`);
      await vault.rotate();
    }
    const after = await waitForRotation(vault, before.rotating ? undefined : before.version, context);
    tellStep(context, `version ${after.version} is there: signing in with it, and with the one before`);
    const proof = await context.call('verify-administrator', {}, order.reason ?? '');
    if (proof.outcome !== 'succeeded')
      throw new ReleaseFault(proof.error?.code ?? 'not_verified', proof.error?.message ?? 'verify-administrator gave no answer');
    const { former } = proof.result as { former: string };
    tellStep(context, 'asking /ready');
    const result = {
      username: after.username,
      former_version: before.rotating ? null : before.version,
      version: after.version,
      former_password: former,
      audit_log,
      ready: await isReady(context),
    };
    return { outcome: 'succeeded' as const, plan, result, next: ['oauth2ctl status'] };
  }),
);
