/** A Postgres adapter for oidc-provider as its documentation describes one: one table of JSON payloads, a statement for each method. */
import type postgres from 'postgres';

type Payload = Record<string, unknown>;

/** The class that the provider instantiates once for each of its models. */
export function createAdapterClass(sql: postgres.Sql) {
  return class PostgresAdapter {
    readonly model: string;

    constructor(model: string) {
      this.model = model;
    }

    async upsert(id: string, payload: Payload, expiresIn?: number): Promise<void> {
      const expires = expiresIn ? new Date(Date.now() + expiresIn * 1000) : null;
      const { grantId = null, userCode = null, uid = null } = payload as Record<string, string | undefined>;
      await sql`
        insert into payloads (model, id, payload, grant_id, user_code, uid, expires_at)
        values (${this.model}, ${id}, ${sql.json(payload as never)}, ${grantId}, ${userCode}, ${uid}, ${expires})
        on conflict (model, id) do update set payload = excluded.payload, grant_id = excluded.grant_id, user_code = excluded.user_code,
          uid = excluded.uid, expires_at = excluded.expires_at`;
    }

    async find(id: string): Promise<Payload | undefined> {
      const [row] = await sql`
        select payload from payloads where model = ${this.model} and id = ${id} and (expires_at is null or expires_at > now())`;
      return row?.payload;
    }

    async findByUserCode(userCode: string): Promise<Payload | undefined> {
      const [row] = await sql`select payload from payloads where model = ${this.model} and user_code = ${userCode}`;
      return row?.payload;
    }

    async findByUid(uid: string): Promise<Payload | undefined> {
      const [row] = await sql`select payload from payloads where model = ${this.model} and uid = ${uid}`;
      return row?.payload;
    }

    async consume(id: string): Promise<void> {
      await sql`
        update payloads set payload = jsonb_set(payload, '{consumed}', to_jsonb(floor(extract(epoch from now()))))
        where model = ${this.model} and id = ${id}`;
    }

    async destroy(id: string): Promise<void> {
      await sql`delete from payloads where model = ${this.model} and id = ${id}`;
    }

    async revokeByGrantId(grantId: string): Promise<void> {
      await sql`delete from payloads where model = ${this.model} and grant_id = ${grantId}`;
    }
  };
}
