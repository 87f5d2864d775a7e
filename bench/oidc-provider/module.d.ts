/** The part of oidc-provider that is used here; the package carries no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  interface Stored {
    save(): Promise<string>;
  }

  export interface ProviderClient {
    readonly clientId: string;
  }

  export interface ProviderGrant extends Stored {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
  }

  export const errors: { readonly InvalidTarget: new () => Error };

  export default class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    callback(): RequestListener;
    readonly Client: { find(id: string): Promise<ProviderClient | undefined> };
    readonly Grant: new (
      properties: Readonly<Record<string, unknown>>,
    ) => ProviderGrant;
    readonly AuthorizationCode: new (
      properties: Readonly<Record<string, unknown>>,
    ) => Stored;
  }
}
