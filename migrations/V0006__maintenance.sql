-- Maintenance mode: the database itself turns every session of the request path read-only; who works meanwhile is exempt.

do $$
declare
  role_name text;
begin
  foreach role_name in array array[current_user::text, 'oauth2_operator'] loop
    -- What is set for a role goes before what is set for the database, in this and in every database that takes its place.
    execute format('alter role %I set default_transaction_read_only = off', role_name);
  end loop;
  if not (select rolsuper from pg_roles where rolname = current_user) then
    -- Only who has a role's privileges may end its sessions.
    execute format('grant oauth2_api, oauth2_operator to %I with inherit true, set false', current_user);
  end if;
end
$$;
