/** The part of the CloudFormation API that finds and deletes stacks, over stacks that a test made. */
import { AwsError, type AwsResponse } from '../../lib/local/aws-endpoint.ts';

export interface TestStack {
  readonly name: string;
  readonly template: object;
  status: string;
  is_protected: boolean;
  /** Looks until a deletion has ended. */
  lasts: number;
  /** Why it cannot be deleted; once. */
  stuck?: string | undefined;
}

const namespace = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';
const idOf = (name: string) => `arn:aws:cloudformation:eu-central-1:111122223333:stack/${name}/1`;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function answer(action: string, body: string): AwsResponse {
  const result = `<${action}Result>${body}</${action}Result>`;
  return {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: `<${action}Response xmlns="${namespace}">${result}</${action}Response>`,
  };
}

function describe(stack: TestStack): string {
  if (stack.status === 'DELETE_IN_PROGRESS' && stack.lasts-- <= 0) {
    stack.status = stack.stuck === undefined ? 'DELETE_COMPLETE' : 'DELETE_FAILED';
  }
  const { name, status, is_protected } = stack;
  return (
    `<Stacks><member><StackName>${name}</StackName><StackId>${idOf(name)}</StackId><StackStatus>${status}</StackStatus>` +
    `<CreationTime>2026-01-01T00:00:00Z</CreationTime><EnableTerminationProtection>${is_protected}</EnableTerminationProtection></member></Stacks>`
  );
}

/** A failure as the query APIs of AWS answer it. */
export function queryError({ code, message, status }: AwsError): AwsResponse {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
  return {
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="${namespace}">${error}</ErrorResponse>`,
  };
}

/** @throws {AwsError} as the API refuses */
export function answerStacks(stacks: ReadonlyMap<string, TestStack>, input: URLSearchParams): AwsResponse {
  const action = input.get('Action') ?? '';
  const asked = input.get('StackName') ?? '';
  const byId = asked.startsWith('arn:');
  const name = byId ? (asked.split('/')[1] ?? '') : asked;
  const stack = stacks.get(name);
  if (!stack || (stack.status === 'DELETE_COMPLETE' && !byId))
    throw new AwsError('ValidationError', `Stack with id ${asked} does not exist`);
  switch (action) {
    case 'DescribeStacks':
      return answer(action, describe(stack));
    case 'GetTemplate':
      return answer(action, `<TemplateBody>${escaped(JSON.stringify(stack.template))}</TemplateBody>`);
    case 'ListStackResources': {
      const resources =
        (stack.template as { Resources?: Record<string, { Type: string; Properties?: { BucketName?: string } }> }).Resources ??
        {};
      const members = Object.entries(resources).map(
        ([id, { Type, Properties }]) =>
          `<member><LogicalResourceId>${id}</LogicalResourceId><PhysicalResourceId>${Properties?.BucketName ?? id}</PhysicalResourceId>` +
          `<ResourceType>${Type}</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus><LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>`,
      );
      return answer(action, `<StackResourceSummaries>${members.join('')}</StackResourceSummaries>`);
    }
    case 'UpdateTerminationProtection':
      stack.is_protected = input.get('EnableTerminationProtection') === 'true';
      return answer(action, `<StackId>${idOf(name)}</StackId>`);
    case 'DeleteStack':
      if (stack.is_protected)
        throw new AwsError('ValidationError', `Stack [${name}] cannot be deleted while TerminationProtection is enabled`);
      if (stack.status === 'DELETE_FAILED') stack.stuck = undefined;
      stack.status = 'DELETE_IN_PROGRESS';
      return answer(action, '');
    case 'DescribeStackEvents': {
      const event = (resource: string, reason: string) =>
        `<member><StackId>${idOf(name)}</StackId><EventId>1</EventId><StackName>${name}</StackName><LogicalResourceId>${resource}</LogicalResourceId>` +
        `<PhysicalResourceId>${resource === name ? idOf(name) : 'one'}</PhysicalResourceId><ResourceStatus>DELETE_FAILED</ResourceStatus>` +
        `<ResourceStatusReason>${escaped(reason)}</ResourceStatusReason><Timestamp>2026-01-01T00:00:00Z</Timestamp></member>`;
      return answer(
        action,
        `<StackEvents>${event(name, 'The following resource(s) failed')}${event('vpc', stack.stuck ?? '')}</StackEvents>`,
      );
    }
    default:
      throw new AwsError('InvalidAction', `${action} is not answered here.`);
  }
}
