-- Blocks: clients, accounts and address ranges that are shut out for a time; and incidents, with each step taken in them.

create table blocks (
  kind text not null check (kind in ('client', 'user', 'address')),
  -- The client_id, the subject, or the range in CIDR notation.
  target text not null,
  blocked_at timestamptz(3) not null,
  -- Null: until somebody lifts it.
  expires_at timestamptz(3),
  reason text not null,
  -- Whether it was disabled before: then the end of the block leaves it disabled.
  was_disabled boolean not null default false,
  primary key (kind, target)
);

create table incidents (
  incident_id text primary key,
  severity text not null check (severity in ('low', 'medium', 'high', 'critical')),
  owner text not null,
  note text not null,
  phase text not null check (phase in ('open', 'contain', 'eradicate', 'recover', 'closed')),
  opened_at timestamptz(3) not null,
  closed_at timestamptz(3)
);

-- What was set out to be done stands here before it is done, so that a run that was cut off is seen.
create table incident_steps (
  incident_id text not null references incidents,
  -- The same step of the same order is one row, however often it is run.
  step text not null,
  phase text not null,
  actor text not null,
  reason text,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3),
  outcome text not null check (outcome in ('under way', 'done', 'failed')),
  detail jsonb not null default '{}',
  primary key (incident_id, step)
);

-- Which incident a procedure was run for.
alter table audit_log add column incident_id text;
create index audit_log_incident on audit_log (incident_id) where incident_id is not null;

grant select on blocks to oauth2_api;
grant select, insert, update, delete on blocks to oauth2_operator;
grant select, insert, update on incidents, incident_steps to oauth2_operator;
