create table clients (
  id text primary key,
  secret_hash bytea not null,
  grants text[] not null,
  redirect_uris text[] not null,
  token_format text not null
);
create table authorization_codes (
  code_hash bytea primary key,
  client_id text not null references clients,
  user_id text not null,
  redirect_uri text not null,
  scope text not null,
  code_challenge text not null,
  code_challenge_method text not null,
  expires_at timestamptz not null
);
create table tokens (
  access_token_hash bytea primary key,
  access_token_expires_at timestamptz not null,
  refresh_token_hash bytea unique,
  refresh_token_expires_at timestamptz,
  client_id text not null references clients,
  user_id text not null,
  scope text not null,
  revoked_at timestamptz
);
