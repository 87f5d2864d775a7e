-- Back-channel logout: where a client wants to be told, and the outbox of what it has to be told.

alter table clients add column backchannel_logout_uri text;
alter table clients add column backchannel_logout_session_required boolean not null default false;

-- Written by the statement that ends a session, so that no end of one is lost. Holds no token: those are signed when they are sent.
create table logout_notices (
  notice_id uuid primary key default gen_random_uuid(),
  client_id text not null,
  subject uuid not null,
  session_id uuid not null,
  uri text not null,
  created_at timestamptz(3) not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz(3) not null,
  delivered_at timestamptz(3),
  gave_up_at timestamptz(3)
);
create index logout_notices_due on logout_notices (next_attempt_at) where delivered_at is null and gave_up_at is null;

grant insert on logout_notices to oauth2_api;
grant select, insert, update on logout_notices to oauth2_operator;
