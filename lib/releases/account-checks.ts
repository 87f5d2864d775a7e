/** Looks whether an AWS account can take a stage: who asks, bootstrap, Lambda's quotas, zones, domain and certificates. */
import type { CertificateDetail } from '@aws-sdk/client-acm';
import { alarms } from '../alarms.ts';
import type { CheckedStage } from '../infra/read-stage.ts';
import { type Finding, find } from './check-server.ts';
import { checkZones } from './zone-checks.ts';

/** Version of the CDK's bootstrap stack from which on it publishes assets as this app needs it. */
const bootstrapNeeded = 6;

/** Concurrency that AWS insists on leaving to functions that reserve none. */
const unreserved = 100;

/** Bytes that a deploy adds at most: every function's bundle, compressed. */
const deployBytes = 50 * 1024 ** 2;

const patient = { maxAttempts: 3, requestHandler: { requestTimeout: 15_000, connectionTimeout: 5000 } };

async function checkIdentity({ account, region }: CheckedStage): Promise<Finding> {
  return find('credentials', async () => {
    const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
    const client = new STSClient(patient);
    try {
      const [{ Account, Arn }, chosen] = await Promise.all([
        client.send(new GetCallerIdentityCommand({})).catch((error: Error) => {
          if (error.name !== 'CredentialsProviderError') throw error;
          throw new Error(`${error.message}: sign in, or set AWS_PROFILE`);
        }),
        client.config.region(),
      ]);
      if (account !== undefined && Account !== account)
        throw new Error(
          `you are signed in to account ${Account}, and the stage belongs to ${account}: choose another AWS_PROFILE`,
        );
      if (region !== undefined && chosen !== region)
        throw new Error(`the region is ${chosen}, and the stage belongs to ${region}: set AWS_REGION`);
      return `${Arn} in ${chosen}`;
    } finally {
      client.destroy();
    }
  });
}

/** @param region another one than the stage's, where a stack of it is */
async function checkBootstrap(region?: string): Promise<Finding> {
  const [what, remedy] =
    region === undefined
      ? ['this account and region are', 'npx cdk bootstrap']
      : [`${region} is`, `npx cdk bootstrap aws://ACCOUNT/${region}`];
  return find(region === undefined ? 'bootstrap' : `bootstrap of ${region}`, async () => {
    const { GetParameterCommand, ParameterNotFound, SSMClient } = await import('@aws-sdk/client-ssm');
    const client = new SSMClient({ ...patient, ...(region !== undefined && { region }) });
    try {
      const { Parameter } = await client.send(new GetParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version' }));
      if (Number(Parameter?.Value) < bootstrapNeeded)
        throw new Error(`it is version ${Parameter?.Value} and has to be ${bootstrapNeeded} or newer: run ${remedy}`);
      return `version ${Parameter?.Value}`;
    } catch (error) {
      if (error instanceof ParameterNotFound) throw new Error(`${what} not bootstrapped: run ${remedy}`);
      throw error;
    } finally {
      client.destroy();
    }
  });
}

/** Lambda's concurrency and room for code. */
export async function checkQuotas({ reserved_concurrency }: CheckedStage): Promise<Finding> {
  return find('quotas', async () => {
    const { GetAccountSettingsCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    const client = new LambdaClient(patient);
    try {
      const { AccountLimit, AccountUsage } = await client.send(new GetAccountSettingsCommand({}));
      const limit = AccountLimit?.ConcurrentExecutions ?? 0;
      const reserved = Object.values(reserved_concurrency).reduce((sum, one) => sum + one, 0);
      if (limit < reserved + unreserved)
        throw new Error(
          `Lambda may run ${limit} sandboxes at once, and the stage reserves ${reserved} beside the ${unreserved} that have to stay free: ` +
            'ask for more concurrent executions (Service Quotas, L-B99A9384)',
        );
      const free = (AccountLimit?.TotalCodeSize ?? 0) - (AccountUsage?.TotalCodeSize ?? 0);
      if (free < deployBytes)
        throw new Error(`Lambda's code storage has ${Math.floor(free / 1024 ** 2)} MiB left: delete old versions`);
      return `${limit} concurrent executions, ${reserved} of them reserved by this stage; ${Math.floor(free / 1024 ** 3)} GiB for code`;
    } finally {
      client.destroy();
    }
  });
}

async function checkDomain({ domain }: CheckedStage): Promise<Finding> {
  const zone = domain?.hosted_zone;
  if (domain === undefined)
    return { name: 'domain', verdict: 'skipped', detail: 'the stage names none: API Gateway gives an address' };
  if (zone === undefined)
    return {
      name: 'domain',
      verdict: 'skipped',
      detail: `the record of ${domain.name} is yours to make, to the target that the deploy shows`,
    };
  return find('domain', async () => {
    const { GetHostedZoneCommand, Route53Client } = await import('@aws-sdk/client-route-53');
    const client = new Route53Client(patient);
    try {
      const { HostedZone } = await client.send(new GetHostedZoneCommand({ Id: zone.id }));
      const found = HostedZone?.Name?.replace(/\.$/, '');
      if (found !== zone.name) throw new Error(`zone ${zone.id} is ${found}, and lib/stages.ts says ${zone.name}`);
      if (HostedZone?.Config?.PrivateZone)
        throw new Error(`zone ${zone.id} is private: nobody outside would find ${domain.name}`);
      return `${domain.name} in ${zone.name}`;
    } finally {
      client.destroy();
    }
  });
}

/** Days of validity below which a certificate is a finding. */
const fewDays = alarms.CertificateExpiring.threshold;

function covers(pattern: string, name: string): boolean {
  return pattern === name || (pattern.startsWith('*.') && name.slice(name.indexOf('.')) === pattern.slice(1));
}

/** What is wrong with a certificate, in sentences. */
export function judgeCertificate(found: CertificateDetail | undefined, names: readonly string[], now: Date): string[] {
  const { Status, NotAfter, SubjectAlternativeNames = [], DomainName = '' } = found ?? {};
  const patterns = [DomainName, ...SubjectAlternativeNames];
  const missing = names.filter((name) => !patterns.some((pattern) => covers(pattern, name)));
  const days = NotAfter === undefined ? Number.POSITIVE_INFINITY : (NotAfter.getTime() - now.getTime()) / 86_400_000;
  return [
    ...(Status === 'ISSUED' ? [] : [`it is ${Status ?? 'not there'}, not ISSUED: validate it first`]),
    ...(missing.length === 0 ? [] : [`it does not cover ${missing.join(', ')}`]),
    ...(days >= fewDays ? [] : [`it ends in ${Math.floor(days)} days and was not renewed: look at its validation records`]),
  ];
}

async function checkCertificate(name: string, arn: string, names: readonly string[]): Promise<Finding> {
  return find(name, async () => {
    const { ACMClient, DescribeCertificateCommand } = await import('@aws-sdk/client-acm');
    // An ARN says in which region it is; that of CloudFront is in us-east-1.
    const client = new ACMClient({ ...patient, region: arn.split(':')[3] ?? '' });
    try {
      const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn: arn }));
      const wrong = judgeCertificate(Certificate, names, new Date());
      if (wrong.length > 0) throw new Error(wrong.join('; '));
      return `issued for ${names.join(', ')}`;
    } finally {
      client.destroy();
    }
  });
}

function checkCertificates({ domain, edge }: CheckedStage): Promise<Finding>[] {
  if (domain === undefined)
    return [Promise.resolve({ name: 'certificate', verdict: 'skipped', detail: 'API Gateway has one for its own address' })];
  const names = edge ? [domain.name, edge.origin_name] : [domain.name];
  const own = checkCertificate('certificate', domain.certificate_arn, names);
  return edge ? [own, checkCertificate('certificate of CloudFront', edge.certificate_arn, [domain.name])] : [own];
}

/** One finding for each thing that the account has to have. Without an identity nothing else can be asked. */
export async function readPreflightFacts(stage: CheckedStage): Promise<Finding[]> {
  const identity = await checkIdentity(stage);
  if (identity.verdict === 'not well') return [identity];
  const { region, edge, backups } = stage;
  const elsewhere = [edge && 'us-east-1', backups.copy_region].filter((one) => one !== undefined && one !== region);
  const bootstraps = [undefined, ...new Set(elsewhere)].map((one) => checkBootstrap(one));
  return [
    identity,
    ...(await Promise.all([
      ...bootstraps,
      checkQuotas(stage),
      checkZones(stage),
      checkDomain(stage),
      ...checkCertificates(stage),
    ])),
  ];
}
