-- Events of other producers, taken in by the API: which of them are here already, by the key that their producer gave them.

create table ingested_events (
  client_id text not null,
  idempotency_key text not null,
  event_id uuid not null,
  at timestamptz(3) not null,
  primary key (client_id, idempotency_key)
);
create index ingested_events_at on ingested_events (at);

grant select, insert on ingested_events to oauth2_api;
