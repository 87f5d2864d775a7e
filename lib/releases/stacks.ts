/** Finds and deletes the CloudFormation stacks of a stage, one after the other against their order. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloudFormationClient, Stack } from '@aws-sdk/client-cloudformation';
import { type StackPart, type Stage, stackParts, stages } from '../stages.ts';
import { emptyBucket } from './empty-bucket.ts';
import { ReleaseFault } from './fault.ts';
import type { ToolContext } from './tool.ts';

/** A stack as it is now. */
export interface FoundStack {
  readonly part: StackPart;
  readonly name: string;
  /** By which a stack is still found when it is gone. */
  readonly id: string;
  readonly status: string;
  readonly is_protected: boolean;
  /** Resource types that outlive the stack, each with their number. */
  readonly keeps: Readonly<Record<string, number>>;
  /** Names of the buckets that go with it, and with them what they hold. */
  readonly buckets: readonly string[];
}

type Api = typeof import('@aws-sdk/client-cloudformation');

/** The stacks of a stage in its own region, in that of CloudFront's, and in that of the copies. */
export interface Stacks {
  /** Those that there are, in the order in which they can be deleted. */
  list(): Promise<FoundStack[]>;
  /** Begins, or goes on with, the deletion and waits for its end. @throws {ReleaseFault} with CloudFormation's reason where it fails */
  remove(stack: FoundStack, patience: ToolContext['patience']): Promise<void>;
}

/** The part of a stage that has to be in the region of CloudFront's certificates. */
const edgeRegion = 'us-east-1';

const patient = { maxAttempts: 5, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } };

/** Works with clients that are closed afterwards; their code is loaded only now. */
export async function withStacks<T>(stage: string, work: (stacks: Stacks) => Promise<T>): Promise<T> {
  const api = await import('@aws-sdk/client-cloudformation');
  const own = new api.CloudFormationClient(patient);
  const edge = new api.CloudFormationClient({ ...patient, region: edgeRegion });
  const copyRegion = (stages as Readonly<Record<string, Stage>>)[stage]?.backups.copy_region;
  const copies = copyRegion === undefined ? own : new api.CloudFormationClient({ ...patient, region: copyRegion });
  const clientOf = (part: StackPart) => (part === 'edge' ? edge : part === 'copies' ? copies : own);
  try {
    return await work({
      async list() {
        const found = await Promise.all(stackParts.map((part) => findStack(api, clientOf(part), stage, part)));
        return found.filter((one) => one !== undefined).toReversed();
      },
      remove: (stack, patience) => removeStack(api, clientOf(stack.part), stack, patience),
    });
  } finally {
    own.destroy();
    edge.destroy();
    copies.destroy();
  }
}

/** @param name or id @returns undefined where there is none of that name */
async function describe(api: Api, client: CloudFormationClient, name: string): Promise<Stack | undefined> {
  try {
    const { Stacks: [stack] = [] } = await client.send(new api.DescribeStacksCommand({ StackName: name }));
    return stack?.StackStatus === 'DELETE_COMPLETE' ? undefined : stack;
  } catch (error) {
    if (error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}

async function findStack(
  api: Api,
  client: CloudFormationClient,
  stage: string,
  part: StackPart,
): Promise<FoundStack | undefined> {
  const name = `oauth2-${stage}-${part}`;
  const stack = await describe(api, client, name);
  if (stack === undefined) return undefined;
  const { StackId: id = name, StackStatus: status = '', EnableTerminationProtection: is_protected = false } = stack;
  const { TemplateBody = '{}' } = await client.send(new api.GetTemplateCommand({ StackName: id }));
  const { kept, goes } = whatBecomes(TemplateBody);
  const buckets = goes.has('AWS::S3::Bucket') ? await findBuckets(api, client, id) : [];
  return { part, name, id, status, is_protected, keeps: kept, buckets };
}

async function findBuckets(api: Api, client: CloudFormationClient, id: string): Promise<string[]> {
  const { StackResourceSummaries = [] } = await client.send(new api.ListStackResourcesCommand({ StackName: id }));
  return StackResourceSummaries.flatMap(({ ResourceType, ResourceStatus, PhysicalResourceId: name }) =>
    ResourceType === 'AWS::S3::Bucket' && ResourceStatus !== 'DELETE_COMPLETE' && name !== undefined ? [name] : [],
  );
}

/** What a template says shall stay, counted, and what goes; a version of a function is no data, and goes with its function. */
function whatBecomes(template: string): { kept: Record<string, number>; goes: Set<string> } {
  const { Resources = {} } = JSON.parse(template) as {
    Resources?: Record<string, { Type: string; DeletionPolicy?: string }>;
  };
  const kept: Record<string, number> = {};
  const goes = new Set<string>();
  for (const { Type, DeletionPolicy } of Object.values(Resources))
    if (/^Retain/.test(DeletionPolicy ?? '') && Type !== 'AWS::Lambda::Version') kept[Type] = (kept[Type] ?? 0) + 1;
    else goes.add(Type);
  return { kept, goes };
}

async function removeStack(
  api: Api,
  client: CloudFormationClient,
  stack: FoundStack,
  { tries, pause_ms }: ToolContext['patience'],
): Promise<void> {
  const { name, id } = stack;
  if (stack.is_protected)
    await client.send(new api.UpdateTerminationProtectionCommand({ StackName: name, EnableTerminationProtection: false }));
  for (const bucket of stack.buckets) await emptyBucket(bucket, await client.config.region());
  if (stack.status !== 'DELETE_IN_PROGRESS') await client.send(new api.DeleteStackCommand({ StackName: id }));
  // A database, or CloudFront, takes a quarter of an hour.
  for (let attempt = 0; attempt < tries * 120; attempt++) {
    const now = await describe(api, client, id);
    if (now === undefined) return;
    if (now.StackStatus === 'DELETE_FAILED')
      throw new ReleaseFault('delete_failed', `${name} was not deleted: ${await findReason(api, client, id)}`);
    await pause(pause_ms);
  }
  throw new ReleaseFault('still_deleting', `${name} is still being deleted: run this again, it goes on where it stopped`);
}

/** The first words of CloudFormation about what could not be deleted. */
async function findReason(api: Api, client: CloudFormationClient, id: string): Promise<string> {
  const { StackEvents = [] } = await client.send(new api.DescribeStackEventsCommand({ StackName: id }));
  const failed = StackEvents.filter(({ ResourceStatus, StackId, PhysicalResourceId }) => {
    return ResourceStatus === 'DELETE_FAILED' && PhysicalResourceId !== StackId;
  });
  const [first] = failed;
  return first ? `${first.LogicalResourceId}: ${first.ResourceStatusReason}` : 'its events say why';
}
