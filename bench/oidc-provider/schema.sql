create table payloads (
  model text not null,
  id text not null,
  payload jsonb not null,
  grant_id text,
  user_code text,
  uid text,
  expires_at timestamptz,
  primary key (model, id)
);
create index payloads_grant_id on payloads (grant_id) where grant_id is not null;
create index payloads_user_code on payloads (user_code) where user_code is not null;
create index payloads_uid on payloads (uid) where uid is not null;
