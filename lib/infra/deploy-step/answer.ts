/** The conversation with CloudFormation in which a custom resource tells how it went. */

/** What CloudFormation sends to a custom resource. */
export interface CloudFormationEvent<Properties> {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties: Properties;
  /** With `Update`: what it was before. */
  readonly OldResourceProperties?: Properties;
}

export interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason: string;
}

/** Does what was asked for and tells the outcome, an error too. @throws {Error} where CloudFormation does not take the answer */
export async function answering<Event extends CloudFormationEvent<unknown>>(
  event: Event,
  run: (event: Event) => Promise<Outcome>,
): Promise<void> {
  const outcome = await run(event).catch((error: unknown): Outcome => ({ Status: 'FAILED', Reason: String(error) }));
  const body = JSON.stringify({
    ...outcome,
    // CloudFormation takes a few kilobytes at most.
    Reason: outcome.Reason.slice(0, 1000),
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    PhysicalResourceId: event.PhysicalResourceId ?? event.LogicalResourceId,
  });
  // The address is signed for a request without content type.
  const response = await fetch(event.ResponseURL, { method: 'PUT', body, headers: { 'content-type': '' } });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}`);
}
