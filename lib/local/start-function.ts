/** Runs functions that nobody waits for, and hands the result of one that succeeded to its destination, as Lambda does. */
import { randomUUID } from 'node:crypto';
import type { Functions } from './functions.ts';

/** @param label says in messages what was started; default: the function's name */
export type StartFunction = (name: string, payload: string, label?: string) => void;

/** What Lambda sends to a destination. */
function envelope(functions: Functions, name: string, payload: string, answer: string): string {
  return JSON.stringify({
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      requestId: randomUUID(),
      functionArn: `${functions.find(name)?.arn}:live`,
      condition: 'Success',
      approximateInvokeCount: 1,
    },
    requestPayload: JSON.parse(payload),
    responseContext: { statusCode: 200, executedVersion: '1' },
    responsePayload: JSON.parse(answer),
  });
}

/**
 * @param destinations asked after each run, as a change of the sources may change them
 * @param say takes a line about a run that failed
 */
export function createStarter(
  functions: Functions,
  destinations: () => ReadonlyMap<string, string>,
  say: (line: string) => void,
): StartFunction {
  const start: StartFunction = (name, payload, label = name) => {
    void functions
      .invoke(name, payload)
      .then((outcome) => {
        if (outcome.verdict !== 'answered') return say(`${label} failed: ${outcome.payload}`);
        const plain = functions.find(name)?.name ?? name;
        const next = destinations().get(plain);
        if (next !== undefined) start(next, envelope(functions, plain, payload, outcome.payload));
      })
      .catch((error: Error) => say(`${label} failed: ${error.message}`));
  };
  return start;
}
