/** Decides the audience of a token from resource indicators (RFC 8707). */

export type ResourceVerdict = { readonly granted: string[] } | { readonly refused: string };

/** RFC 8707 §2: an absolute URI without fragment. */
export function isResourceIndicator(text: string): boolean {
  return URL.canParse(text) && !text.includes('#') && /^[\x21-\x7e]+$/.test(text);
}

/** The resources that were asked for, where each of them is allowed. @returns an empty list where none was named */
export function decideResources(requested: readonly string[], allowed: readonly string[]): ResourceVerdict {
  const distinct = [...new Set(requested)];
  const malformed = distinct.find((resource) => !isResourceIndicator(resource));
  if (malformed !== undefined) return { refused: 'The parameter resource must be an absolute URI without a fragment.' };
  const unknown = distinct.find((resource) => !allowed.includes(resource));
  if (unknown !== undefined) return { refused: `The resource ${unknown} is not one that this request may name.` };
  return { granted: distinct };
}

/** Who a token is for: the named resources, or the authorization server itself where none was named (RFC 9068 §3). */
export function chooseAudience(resources: readonly string[], issuer: string): string[] {
  return resources.length > 0 ? [...resources] : [issuer];
}
