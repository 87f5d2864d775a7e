-- The first schema: clients, users, sessions, consent, codes, tokens, keys, throttles and the audit log.
-- Tokens, codes, cookies and secrets are stored as SHA-256 digests of 256 random bits; passwords as scrypt.

-- Roles by least privilege: the migrator owns the schema, the request path may not alter it.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['oauth2_api', 'oauth2_operator'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login', role_name);
    end if;
    -- RDS authenticates members of this role by IAM token.
    if exists (select from pg_roles where rolname = 'rds_iam') then
      execute format('grant rds_iam to %I', role_name);
    end if;
    execute format('grant connect on database %I to %I', current_database(), role_name);
    -- A statement that outlives its Lambda function only holds locks.
    execute format('alter role %I set statement_timeout = %L', role_name, '4s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', role_name, '10s');
  end loop;
end
$$;

revoke create on schema public from public;
grant usage on schema public to oauth2_api, oauth2_operator;

create table clients (
  client_id text primary key,
  client_name text not null default '',
  client_secret_hash bytea,
  token_endpoint_auth_method text not null
    check (token_endpoint_auth_method in ('client_secret_basic', 'client_secret_post', 'none')),
  redirect_uris text[] not null default '{}',
  post_logout_redirect_uris text[] not null default '{}',
  grant_types text[] not null default '{authorization_code}',
  response_types text[] not null default '{code}',
  scope text not null default '',
  resources text[] not null default '{}',
  id_token_signed_response_alg text not null default 'RS256',
  require_pkce boolean not null default true,
  -- First-party: no consent page.
  trusted boolean not null default false,
  -- Registered by RFC 7591 rather than by an operator.
  dynamic boolean not null default false,
  default_max_age integer,
  require_auth_time boolean not null default false,
  -- What the client says of itself to people: client_uri, logo_uri, policy_uri, tos_uri, contacts …
  metadata jsonb not null default '{}',
  registration_access_token_hash bytea,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  disabled_at timestamptz(3),
  check ((token_endpoint_auth_method = 'none') = (client_secret_hash is null))
);

create table users (
  subject uuid primary key default gen_random_uuid(),
  username text not null,
  email text,
  email_verified boolean not null default false,
  password_hash text not null,
  -- OpenID Connect Core §5.1 claims beside those above: name, given_name, locale …
  claims jsonb not null default '{}',
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  password_changed_at timestamptz(3) not null default now(),
  disabled_at timestamptz(3)
);
create unique index users_username on users (lower(username));

create table sessions (
  session_hash bytea primary key,
  session_id uuid not null unique,
  subject uuid not null references users on delete cascade,
  authenticated_at timestamptz(3) not null,
  amr text[] not null default '{pwd}',
  expires_at timestamptz(3) not null,
  ended_at timestamptz(3),
  -- Digest of the authorization request that this sign-in (this consent) answered: prompt=login and prompt=consent are met once.
  authenticated_for bytea,
  consented_for bytea
);
create index sessions_subject on sessions (subject);
create index sessions_expires_at on sessions (expires_at);

-- A browser from which an account signed in before: its failures are counted apart, so that an attacker cannot lock the user out.
create table devices (
  device_hash bytea primary key,
  subject uuid not null references users on delete cascade,
  last_seen_at timestamptz(3) not null
);
create index devices_last_seen_at on devices (last_seen_at);

create table grants (
  subject uuid not null references users on delete cascade,
  client_id text not null references clients on delete cascade,
  scope text not null,
  resources text[] not null default '{}',
  granted_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  primary key (subject, client_id)
);
create index grants_client_id on grants (client_id);

create table authorization_codes (
  code_hash bytea primary key,
  client_id text not null,
  subject uuid not null,
  session_id uuid not null,
  -- The family that the exchange will found: a replay of the code revokes it.
  family_id uuid not null,
  redirect_uri text not null,
  redirect_uri_given boolean not null,
  scope text not null,
  resources text[] not null,
  nonce text,
  code_challenge text,
  authenticated_at timestamptz(3) not null,
  amr text[] not null,
  claims jsonb,
  issued_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  redeemed_at timestamptz(3)
);
create index authorization_codes_expires_at on authorization_codes (expires_at);

-- Everything issued from one authorization. The current refresh token lives in the row of its family, so that rotation
-- rewrites one narrow row instead of adding one: storage does not grow with use.
create table token_families (
  family_id uuid primary key,
  client_id text not null,
  subject uuid not null,
  session_id uuid not null,
  scope text not null,
  resources text[] not null,
  authenticated_at timestamptz(3) not null,
  amr text[] not null,
  claims jsonb,
  -- Outlives the sign-in session (offline_access).
  offline boolean not null,
  issued_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  -- Null where the client may not refresh.
  refresh_hash bytea,
  refresh_expires_at timestamptz(3),
  generation integer not null default 0,
  previous_hash bytea,
  rotated_at timestamptz(3),
  -- The current refresh token, readable only with the previous one in hand: a retry gets the same successor.
  successor_sealed bytea,
  revoked_at timestamptz(3),
  revoked_because text
) with (fillfactor = 70);
create index token_families_subject on token_families (subject) where revoked_at is null;
create index token_families_client_id on token_families (client_id) where revoked_at is null;
create index token_families_session_id on token_families (session_id) where revoked_at is null;
create index token_families_expires_at on token_families (expires_at);

-- One partition a day: expired tokens leave by dropping a table.
create table access_tokens (
  jti uuid not null,
  expires_at timestamptz(3) not null,
  issued_at timestamptz(3) not null,
  client_id text not null,
  subject uuid,
  family_id uuid,
  revoked_at timestamptz(3),
  primary key (expires_at, jti)
) partition by range (expires_at);
-- Only ever used where no purge has run for two weeks.
create table access_tokens_default partition of access_tokens default;

create table signing_keys (
  kid text primary key,
  alg text not null,
  public_jwk jsonb not null,
  state text not null check (state in ('pending', 'active', 'retiring', 'retired')),
  created_at timestamptz(3) not null,
  activated_at timestamptz(3),
  retires_at timestamptz(3)
);
create unique index signing_keys_one_active on signing_keys (alg) where state = 'active';

-- Failures in a window, by account, device, address or client. A crash may forget them.
create unlogged table throttles (
  bucket bytea primary key,
  failures integer not null,
  resets_at timestamptz(3) not null
);
create index throttles_resets_at on throttles (resets_at);

create table audit_log (
  audit_id bigint generated always as identity primary key,
  at timestamptz(3) not null default now(),
  actor text not null,
  procedure text not null,
  reason text,
  plan jsonb not null default '{}',
  outcome text not null check (outcome in ('succeeded', 'failed')),
  detail text
);
create index audit_log_at on audit_log (at);

grant select, insert, update, delete on clients, grants, devices, throttles to oauth2_api;
grant select, insert, update on sessions, authorization_codes, token_families, access_tokens to oauth2_api;
grant select, update (password_hash, updated_at) on users to oauth2_api;
grant select on signing_keys to oauth2_api;
grant insert on audit_log to oauth2_api;

grant select, insert, update on clients, users, grants, token_families, sessions, signing_keys to oauth2_operator;
grant select, update on access_tokens, authorization_codes to oauth2_operator;
grant select, insert on audit_log to oauth2_operator;

-- The release's own view of what was applied; the table itself is the migrator's.
grant select on flyway_schema_history to oauth2_api, oauth2_operator;
