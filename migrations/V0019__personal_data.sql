-- Personal data: an operator may hand out and delete what is stored of a person. What hangs on the account goes with it.

grant select on devices to oauth2_operator;
grant delete on users to oauth2_operator;
