-- Events: the outbox of every authentication, token, client and user change, written by the statement that makes the change.

create table events (
  -- The order of events of one subject where one of them waited for the other.
  sequence bigint generated always as identity,
  event_id uuid not null default gen_random_uuid(),
  at timestamptz(3) not null,
  type text not null,
  -- `users/…`, `clients/…`; null where it is about nobody who is known, and then no order is kept.
  subject text,
  -- Identifiers alone: no token, code, secret, password, name or e-mail address.
  data jsonb not null,
  producer text not null,
  correlation_id text,
  traceparent text,
  -- The relay's own columns; all others are never changed.
  attempts smallint not null default 0,
  next_attempt_at timestamptz(3),
  delivered_at timestamptz(3),
  set_aside_at timestamptz(3),
  set_aside_because text,
  primary key (at, sequence)
);
create index events_undelivered on events (sequence) where delivered_at is null and set_aside_at is null;
-- Both hold what failed alone: an insert does not touch them.
create index events_waiting on events (subject, sequence) where next_attempt_at is not null and delivered_at is null and set_aside_at is null;
create index events_set_aside on events (sequence) where set_aside_at is not null;

-- Who relays now, and how that went.
create table event_relay (
  only_row boolean primary key default true check (only_row),
  holder uuid,
  held_until timestamptz(3),
  last_delivered_at timestamptz(3),
  last_failed_at timestamptz(3)
);
insert into event_relay default values;

grant insert on events to oauth2_api, oauth2_operator;
-- What the health of events is told from.
grant select (sequence, at, delivered_at, set_aside_at) on events to oauth2_api;
grant select on event_relay to oauth2_api;
grant select, update (attempts, next_attempt_at, delivered_at, set_aside_at, set_aside_because) on events to oauth2_operator;
grant select, update on event_relay to oauth2_operator;
