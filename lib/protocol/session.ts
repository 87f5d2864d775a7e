/** What a sign-in session and a stored consent are. */

export interface Session {
  readonly session_id: string;
  readonly session_hash: Uint8Array;
  readonly subject: string;
  readonly username: string;
  readonly authenticated_at: Date;
  readonly amr: readonly string[];
  readonly expires_at: Date;
  /** Digest of the authorization request that this sign-in answered. */
  readonly authenticated_for: Uint8Array | null;
  /** Digest of the authorization request that a consent in this session answered. */
  readonly consented_for: Uint8Array | null;
}

/** A grant: what the end-user allowed a client. */
export interface Grant {
  readonly scope: string;
  readonly resources: readonly string[];
}
