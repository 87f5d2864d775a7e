/** Finds the address of whoever sent a request: the peer of API Gateway or, where CloudFront is that peer and proves it, the one that it names. */
import { isIP } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { originHeader } from '../origin-secret.ts';
import { digest, equalDigests } from '../protocol/digest.ts';
import { Refusal } from '../protocol/errors.ts';

/**
 * @param secrets one of which CloudFront sends; empty where nothing stands in front of API Gateway, and no header says anything about addresses
 * @returns what throws a {Refusal} with status 403 for a request that went around CloudFront
 */
export function createAddressReader(secrets: readonly string[]): (event: APIGatewayProxyEventV2) => string {
  const accepted = secrets.map(digest);
  return ({ headers, requestContext: { apiId, http } }) => {
    // What did not come through API Gateway was sent by who may invoke the function, as the watch of the readiness check is.
    if (accepted.length === 0 || apiId === undefined) return http.sourceIp;
    const presented = digest(headers[originHeader] ?? '');
    // One after the other, each in constant time: which of them it is, is no secret.
    if (!accepted.some((one) => equalDigests(presented, one)))
      throw new Refusal('access_denied', 'Only requests to a URL of the issuer are served.', {
        detail: `${http.sourceIp} went around CloudFront, or sends an older secret`,
      });
    return readViewer(headers['x-forwarded-for'] ?? '', http.sourceIp);
  };
}

/** Each hop writes down behind the others whom it heard from: API Gateway CloudFront, CloudFront the viewer, and before that the viewer what it likes. */
function readViewer(forwarded: string, peer: string): string {
  const hops = forwarded.split(',').map((hop) => hop.trim());
  const viewer = hops.at(hops.at(-1) === peer ? -2 : -1) ?? '';
  // Better no answer than everybody counted and blocked as one.
  if (isIP(viewer) === 0) throw new Error('CloudFront names no viewer in x-forwarded-for');
  return viewer;
}
