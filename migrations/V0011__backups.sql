-- Backups: a role that reads every row and changes none.

do $$
declare
  relation record;
begin
  if not exists (select from pg_roles where rolname = 'oauth2_backup') then
    create role oauth2_backup login;
  end if;
  -- RDS authenticates members of this role by IAM token.
  if exists (select from pg_roles where rolname = 'rds_iam') then
    grant rds_iam to oauth2_backup;
  end if;
  execute format('grant connect on database %I to oauth2_backup', current_database());
  alter role oauth2_backup set default_transaction_read_only = on;
  -- The transaction that exports the snapshot waits for as long as the dump takes.
  alter role oauth2_backup set idle_in_transaction_session_timeout = 0;
  -- What the administrator's extensions keep is not ours to pass on.
  for relation in select oid::regclass as name, relkind from pg_class
    where relnamespace = 'public'::regnamespace and relowner = current_user::regrole and relkind in ('r', 'p', 'v', 'm', 'S')
  loop
    execute format('grant select on %s %s to oauth2_backup', case relation.relkind when 'S' then 'sequence' else 'table' end, relation.name);
  end loop;
end
$$;

grant usage on schema public to oauth2_backup;
-- What later migrations and every new partition bring.
alter default privileges in schema public grant select on tables to oauth2_backup;
alter default privileges in schema public grant select on sequences to oauth2_backup;
