/** Somebody of whom everything is stored that there may be of a person. */
import { addCode, addFamily, addSession, addUser, type Workbench } from './workbench.ts';

const later = () => new Date(Date.now() + 3_600_000);

export async function addShop({ migrator }: Workbench): Promise<void> {
  await migrator.sql`
    insert into clients (client_id, client_name, client_secret_hash, token_endpoint_auth_method, backchannel_logout_uri)
    values ('shop', 'Shop', ${Buffer.alloc(32)}, 'client_secret_basic', 'https://shop.example/logout')`;
}

/** Somebody who is signed in, at a client that has consent and wants to be told of the end of it. */
export async function addPerson({ migrator }: Workbench, username: string): Promise<string> {
  const subject = await addUser(migrator, username);
  const session_id = await addSession(migrator, { subject, expires_at: later() });
  await addFamily(migrator, { client_id: 'shop', subject, session_id });
  await addCode(migrator, { client_id: 'shop', subject, expires_at: later() });
  const { sql } = migrator;
  await sql`insert into grants (subject, client_id, scope, granted_at) values (${subject}, 'shop', 'openid', now())`;
  await sql`insert into devices (device_hash, subject, last_seen_at) values (${Buffer.from(subject)}, ${subject}, now())`;
  await sql`insert into blocks (kind, target, blocked_at, reason) values ('user', ${subject}, now(), 'guesses')`;
  return subject;
}
