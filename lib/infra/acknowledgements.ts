/** Findings of the AwsSolutions rules that stand, each with the reason why. */
import { Stack, Token, Validations } from 'aws-cdk-lib';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';

function acknowledge(scope: IConstruct, id: string, reason: string): void {
  Validations.of(scope).acknowledge({ id, reason });
}

export function acknowledgeLogDelivery(role: IConstruct): void {
  acknowledge(
    role,
    'AwsSolutions-IAM5[Resource::*]',
    'Deliveries of logs, and X-Ray, know no resources: the actions can only be granted for all',
  );
}

export function acknowledgeTracing(role: IConstruct): void {
  acknowledge(role, 'AwsSolutions-IAM5[Resource::*]', 'X-Ray knows no resources: PutTraceSegments can only be granted for all');
}

export function acknowledgeInterfaces(role: IConstruct): void {
  acknowledge(
    role,
    'AwsSolutions-IAM5[Resource::*]',
    'Lambda needs the interface actions before an interface has a name; the code that runs in the function is denied them',
  );
}

/** @param path of the parameters, without a slash at its beginning; undefined where the policy is for all */
export function acknowledgeReleaseNumbers(role: IConstruct, path: string | undefined): void {
  const { partition, region, account } = Stack.of(role);
  const known = (value: string, name: string) => (Token.isUnresolved(value) ? `<AWS::${name}>` : value);
  const place = [known(partition, 'Partition'), 'ssm', known(region, 'Region'), known(account, 'AccountId')].join(':');
  const resource = path === undefined ? '*' : `arn:${place}:parameter/${path}/*`;
  const reason = 'Every release is a parameter of its own, and the next number is not known yet';
  acknowledge(role, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
}

export function acknowledgeDeadLetters(queue: IConstruct): void {
  acknowledge(queue, 'AwsSolutions-SQS3', 'It is itself the dead-letter queue');
}

export function acknowledgeOpenRoute(route: IConstruct): void {
  acknowledge(
    route,
    'AwsSolutions-APIG4',
    'An authorization server authenticates its own callers: clients by their credentials (RFC 6749 §2.3), end-users by signing in',
  );
}

export function acknowledgeEdge(distribution: IConstruct): void {
  acknowledge(
    distribution,
    'AwsSolutions-CFR1',
    'Clients and end-users are everywhere; a stage that serves one country adds its restriction',
  );
  acknowledge(
    distribution,
    'AwsSolutions-CFR3',
    'Access is logged by a delivery of CloudWatch Logs, which can leave the query out',
  );
}

export function acknowledgePort(instance: IConstruct): void {
  acknowledge(
    instance,
    'AwsSolutions-RDS11',
    'Another port hides nothing: only two security groups reach it, from inside a network without a way in',
  );
}

/** @param arns with a name that is not known yet */
export function acknowledgeRewound(role: IConstruct, arns: readonly string[]): void {
  const reason =
    'An instance for a restore to an instant gets its name and its id when it is made, and what RDS keeps of a lost one has only an id; all are looked at to find those that are left';
  for (const arn of arns) acknowledgeArn(role, arn, reason);
}

/** @param arn of all functions of the stage */
export function acknowledgeAliases(role: IConstruct, arn: string): void {
  acknowledgeArn(role, arn, 'Every function of the stage is asked for its alias; one by one they would not fit into a policy');
}

function acknowledgeArn(role: IConstruct, arn: string, reason: string): void {
  const { partition, region, account } = Stack.of(role);
  const names = [
    [partition, 'Partition'],
    [region, 'Region'],
    [account, 'AccountId'],
  ] as const;
  const shown = names.reduce(
    (text, [value, name]) => (Token.isUnresolved(value) ? text.replaceAll(value, `<AWS::${name}>`) : text),
    arn,
  );
  acknowledge(role, `AwsSolutions-IAM5[Resource::${shown}]`, reason);
}

export function acknowledgeKeyRotation(secret: IConstruct): void {
  acknowledge(
    secret,
    'AwsSolutions-SMG4',
    'Its rotation schedule is in the ops stack, beside the function that rotates: the rule looks for one in the stack of the secret',
  );
}

export function acknowledgeOriginSecret(secret: IConstruct): void {
  acknowledge(
    secret,
    'AwsSolutions-SMG4',
    'Functions and CloudFront get its value by deploys: one that changed between them would shut everybody out; the stage says when there is another one',
  );
}

/** For a stage whose data may be lost; one that retains them gets no such excuse. */
export function acknowledgeLosableDatabase(instance: IConstruct): void {
  acknowledge(instance, 'AwsSolutions-RDS3', 'A stage without people on it may be away while an instance is replaced');
  acknowledge(instance, 'AwsSolutions-RDS10', 'A stage without people on it is removed and made anew');
}

export function acknowledgeAccessLog(bucket: IConstruct): void {
  acknowledge(
    bucket,
    'AwsSolutions-S1',
    'Nothing is read there without its key, and CloudTrail records who decrypts; a log of the accesses would be one more bucket to guard',
  );
}

/** @param place region and account of the copies' key */
export function acknowledgeReplication(role: IConstruct, bucket: Bucket, copies: string, place: string): void {
  const stack = Stack.of(bucket);
  const { 'Fn::GetAtt': [own] = [] } = stack.resolve(bucket.bucketArn) as Record<string, string[]>;
  const partition = Token.isUnresolved(stack.partition) ? '<AWS::Partition>' : stack.partition;
  const all = (resource: string, reason: string) => acknowledge(role, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
  all(`<${own}.Arn>/*`, 'Whatever is put into the bucket is copied');
  all(`arn:${partition}:s3:::${copies}/*`, 'Whatever is put into the bucket is copied');
  all(`arn:${partition}:kms:${place}:key/*`, 'The key of another region is known by its alias, which the condition names');
}

/** For a role of another stack than the bucket's, which knows it by an export. */
export function acknowledgeObjects(role: IConstruct, bucket: Bucket, keys: string): void {
  const stack = Stack.of(bucket);
  const { 'Fn::ImportValue': exported } = stack.resolve(stack.exportValue(bucket.bucketArn)) as Record<string, string>;
  acknowledge(
    role,
    `AwsSolutions-IAM5[Resource::${exported}/${keys}]`,
    'Every backup is an object of its own, and the key of the next one is not known yet',
  );
}
