-- Metrics: what the functions counted and timed, added up from their logs: totals that only grow, and the same by the minute.

-- Adds two histograms, bucket by bucket.
create function add_buckets(one bigint[], other bigint[]) returns bigint[]
  language sql immutable strict parallel safe
  return (select array_agg(coalesce(a, 0) + coalesce(b, 0) order by n) from unnest(one, other) with ordinality as pair (a, b, n));

create aggregate sum_buckets(bigint[]) (sfunc = add_buckets, stype = bigint[], parallel = safe);

create table metric_totals (
  name text not null,
  -- Empty where a metric is not kept apart by it.
  route text not null,
  method text not null,
  status text not null,
  procedure text not null,
  kind text not null check (kind in ('counter', 'gauge', 'histogram')),
  -- The count, what a gauge was seen at last, or the seconds of a histogram's durations together.
  value double precision not null,
  -- Of a histogram: how many durations fell into each.
  buckets bigint[],
  -- When the newest line of it was written.
  at timestamptz(3) not null,
  primary key (name, route, method, status, procedure)
  -- These few rows are updated all day: room on their page spares the index.
) with (fillfactor = 40);

create table metric_minutes (
  minute timestamptz(0) not null,
  name text not null,
  route text not null,
  method text not null,
  status text not null,
  procedure text not null,
  kind text not null check (kind in ('counter', 'gauge', 'histogram')),
  value double precision not null,
  buckets bigint[],
  at timestamptz(3) not null,
  primary key (minute, name, route, method, status, procedure)
) with (fillfactor = 70);

-- Each batch of lines that was added up, so that none counts twice: logs are delivered at least once, and not always cut alike.
create table metric_batches (
  -- Beginning of the digest of log group and log stream.
  stream bytea not null,
  first_at timestamptz(3) not null,
  last_at timestamptz(3) not null,
  -- Beginning of the digest of each line's id.
  lines bigint[] not null
);
create index metric_batches_stream on metric_batches (stream, last_at);
create index metric_batches_last on metric_batches (last_at);

grant select on metric_totals to oauth2_api;
grant select, insert, update on metric_totals, metric_minutes to oauth2_operator;
grant select, insert on metric_batches to oauth2_operator;
