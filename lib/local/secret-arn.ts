/** The ARN that a secret has on this machine: the same for the same name, so that the template can be resolved before the secret exists. */
import { createHash } from 'node:crypto';

export function secretArn(place: { readonly region: string; readonly account: string }, name: string): string {
  const suffix = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return `arn:aws:secretsmanager:${place.region}:${place.account}:secret:${name}-${suffix}`;
}
