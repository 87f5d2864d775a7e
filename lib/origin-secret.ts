/** What CloudFront proves itself to the functions by: a header, and the secrets of which it carries one. */

/** Lower-case, as API Gateway hands headers on. */
export const originHeader = 'x-oauth2-origin';

/**
 * Names in Secrets Manager: of the secret that CloudFront sends, then of the one before it, which functions go on to accept.
 * @param newest number of the one that is sent
 */
export function originSecretNames(stage: string, newest = 1): string[] {
  return [newest, newest - 1].filter((one) => one > 0).map((one) => `oauth2-${stage}-origin-${one}`);
}
