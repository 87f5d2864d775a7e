-- The trail: events are also kept outside of the database, from where a restore learns what was revoked since its backup.

-- Which event is in the trail; what cannot be sent to the bus yet may be there already.
alter table events add column trailed_at timestamptz(3);

alter table event_relay
  -- The instant of the first run that wrote the trail, and the one up to which every change that was committed is in it.
  add column trail_since timestamptz(3),
  add column trail_complete_to timestamptz(3);

grant update (trailed_at) on events to oauth2_operator;
