-- A producer uses the id of an event once, whatever its idempotency key: consumers tell events apart by source and id (CloudEvents 1.0.2, id).

-- What was taken in twice keeps the first of its keys; the others are then known by the id.
delete from ingested_events later using ingested_events earlier
where later.client_id = earlier.client_id and later.event_id = earlier.event_id
  and (earlier.at, earlier.idempotency_key) < (later.at, later.idempotency_key);

create unique index ingested_events_event_id on ingested_events (client_id, event_id);
