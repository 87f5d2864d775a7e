-- The head of the trail says which number was given to an event last, so that a database that is restored from it gives out no number twice.

grant select on sequence events_sequence_seq to oauth2_operator;
