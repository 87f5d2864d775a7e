-- The audit log also takes that something begins, before anything is done; and roles lose what no statement of theirs needs.

alter table audit_log drop constraint audit_log_outcome_check;
alter table audit_log add constraint audit_log_outcome_check check (outcome in ('begun', 'succeeded', 'failed'));

-- Of the end of a run: the entry of its beginning. No reference: a restore carries entries from one database to another in its own order.
alter table audit_log add column beginning_id bigint;
create index audit_log_beginning on audit_log (beginning_id) where beginning_id is not null;

-- No release ever had a statement that used these.
revoke insert on audit_log from oauth2_api;
revoke delete on grants, devices, throttles from oauth2_api;
revoke insert, update on grants from oauth2_operator;
revoke insert on sessions, token_families from oauth2_operator;
