-- Watermarks: what was issued before one of them is no longer active. So all tokens of a client, of an end-user or of everybody
-- are revoked by one small write, however many there are.

alter table clients add column tokens_not_before timestamptz(3);
alter table users add column tokens_not_before timestamptz(3);

create table revocation_watermark (
  only_row boolean primary key default true check (only_row),
  -- Of codes, families and access tokens.
  tokens_not_before timestamptz(3),
  -- Of sign-ins.
  sessions_not_before timestamptz(3)
);
insert into revocation_watermark default values;

grant select on revocation_watermark to oauth2_api, oauth2_operator;
grant update on revocation_watermark to oauth2_operator;
