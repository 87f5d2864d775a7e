-- Batches of one log stream wait for each other by a row: to the proxy of the database an advisory lock is a reason to keep a connection for one function.

create table metric_locks (slot smallint primary key);
insert into metric_locks select generate_series(0, 255);
grant select, update on metric_locks to oauth2_operator;
