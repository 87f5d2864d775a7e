/** The event table: every change that leaves an event, how grave it is, and what it means. */

export interface EventKind {
  readonly severity: 'info' | 'warning' | 'error';
  /**
   * A restore carries it out again, so that no filter keeps it from being recorded: what ends for good in any order, what may be taken back in
   * the order in which it happened.
   */
  readonly replayed?: 'in any order' | 'in order';
  readonly purpose: string;
}

export const eventTypes = {
  authorization_code_created: { severity: 'info', purpose: 'An authorization code was issued' },
  authorization_code_validated: { severity: 'info', purpose: 'A code was exchanged for tokens' },
  authorization_code_expired: { severity: 'info', purpose: 'A code was deleted that nobody had exchanged' },
  token_created: { severity: 'info', purpose: 'An access token was issued' },
  token_revoked: {
    severity: 'info',
    replayed: 'in any order',
    purpose: 'An access token, a token family, or everything up to an instant was revoked',
  },
  token_expired: { severity: 'info', purpose: 'A token family was deleted whose refresh token had expired' },
  refresh_token_reused: {
    severity: 'warning',
    replayed: 'in any order',
    purpose: 'A refresh token came back after it was rotated; its family was revoked',
  },
  authorization_code_reused: {
    severity: 'warning',
    replayed: 'in any order',
    purpose: 'A code came back after its exchange; the family from it was revoked',
  },
  client_registered: { severity: 'info', purpose: 'A client was registered' },
  client_updated: { severity: 'info', purpose: 'A client changed its registration' },
  client_disabled: { severity: 'warning', replayed: 'in order', purpose: 'A client was disabled' },
  client_enabled: { severity: 'info', replayed: 'in order', purpose: 'A client was enabled again' },
  client_deleted: { severity: 'info', replayed: 'in order', purpose: 'A client was deleted' },
  client_authentication_failed: { severity: 'warning', purpose: 'Somebody failed to authenticate as a client' },
  user_created: { severity: 'info', purpose: 'An account was created' },
  user_disabled: { severity: 'warning', replayed: 'in order', purpose: 'An account was disabled' },
  user_enabled: { severity: 'info', replayed: 'in order', purpose: 'An account was enabled again' },
  user_password_changed: {
    severity: 'warning',
    replayed: 'in order',
    purpose: 'An account got a new password from an operator',
  },
  user_deleted: { severity: 'warning', replayed: 'in order', purpose: 'An account was deleted' },
  user_authenticated: { severity: 'info', purpose: 'An end-user signed in' },
  user_authentication_failed: { severity: 'warning', purpose: 'Somebody failed to sign in' },
  user_logout: {
    severity: 'info',
    replayed: 'in any order',
    purpose: 'A sign-in session ended, other than by `token_revoked` up to an instant',
  },
  access_blocked: { severity: 'warning', replayed: 'in order', purpose: 'A client, an account or addresses were shut out' },
  access_unblocked: { severity: 'info', replayed: 'in order', purpose: 'A client, an account or addresses were let in again' },
  consent_granted: { severity: 'info', purpose: 'An end-user allowed a client what it asked for' },
  signing_keys_rotated: { severity: 'warning', replayed: 'in order', purpose: 'The signing keys changed' },
} as const satisfies Record<string, EventKind>;

export type EventType = keyof typeof eventTypes;

/** Also one of another producer, which has a dot in it. */
export type RecordedType = EventType | `${string}.${string}`;

/** Whether it is of another producer. */
export const isForeign = (type: RecordedType): boolean => type.includes('.');

export const eventTypeNames = Object.keys(eventTypes) as EventType[];

/** The types that a restore carries out again. */
export const listReplayed = (order: NonNullable<EventKind['replayed']>): EventType[] =>
  eventTypeNames.filter((type) => (eventTypes[type] as EventKind).replayed === order);
