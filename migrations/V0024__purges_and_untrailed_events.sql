-- How far a purge has come in each table, and an index of the events that are not in the trail yet.

-- A table that one run cannot read to its end is read by several, each going on where the one before stopped.
create table purges (
  table_name text primary key,
  -- The next run begins here, blocks of 8 KiB from the start; 0 where an index finds what is due.
  next_block integer not null default 0,
  -- When a run last worked in it.
  worked_at timestamptz(3) not null,
  -- When all of it that had expired was last gone; before that, when the first run began.
  complete_at timestamptz(3) not null
);
grant select on purges to oauth2_operator;

-- Small at all times: the walk through what waits for the bus would pass every event that is in the trail already.
create index events_untrailed on events (sequence) where delivered_at is null and set_aside_at is null and trailed_at is null;
