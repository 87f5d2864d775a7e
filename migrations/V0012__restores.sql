-- Restores: who changes the name of the database has to end the sessions that are in it, those of a backup too.

do $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then
    -- Only who has a role's privileges may end its sessions.
    execute format('grant oauth2_backup to %I with inherit true, set false', current_user);
  end if;
end
$$;
