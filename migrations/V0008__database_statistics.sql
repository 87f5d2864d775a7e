-- The database report sees what every role runs, and for how long: statistics alone, no rows of a table.
do $$
begin
  grant pg_monitor to oauth2_operator;
exception
  -- Where somebody else made the roles, the report says what it cannot see and asks for this grant.
  when insufficient_privilege then
    raise notice 'pg_monitor was not granted to oauth2_operator';
end
$$;
