/** What happens leaves an event that arrives at the bus, and in the trail outside of the database. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { EventPage } from '../../lib/ops/read-events.ts';
import type { Relayed } from '../../lib/ops/relay-events.ts';
import { makePkce, walk } from '../support/flow.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { type FindCast, redirectUri } from './cast.ts';

export function eventScenarios(findCast: FindCast): void {
  describe('events', () => {
    test('a sign-in and its code are on the bus within a run of the relay, with the trace of the request; the health says so', async () => {
      const { deployment, user, createClient } = findCast();
      const { client_id } = await createClient({});
      const url = new URL(String(deployment.metadata.authorization_endpoint));
      url.search = new URLSearchParams({
        client_id,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'openid',
        code_challenge: makePkce().challenge,
        code_challenge_method: 'S256',
      }).toString();
      const back = await walk(createUserAgent(deployment), url.href, user);
      assert.ok(back.searchParams.has('code'));

      // The schedule's own run may be the one that delivers.
      let delivered: EventPage['events'] = [];
      for (let runs = 0; runs < 20 && delivered.length === 0; runs++) {
        const { bus_fault, trail_fault } = await deployment.operate<Relayed>('relay-events', {});
        assert.deepEqual([bus_fault, trail_fault], [null, null]);
        const { events } = await deployment.operate<EventPage>('read-events', { subject: `users/${user.subject}`, last: 100 });
        if (events.every(({ delivery }) => delivery.state === 'delivered')) delivered = events;
      }
      const types = delivered.map(({ type }) => type);
      for (const type of ['user_authenticated', 'consent_granted', 'authorization_code_created'] as const)
        assert.ok(types.includes(type), `${type}: ${types}`);
      const response = await deployment.fetch(`${deployment.issuer}/events/health`);
      const health = (await response.json()) as Record<string, unknown>;
      assert.deepEqual([response.status, health.enabled, health.set_aside], [200, true, 0]);
      assert.ok(health.last_delivery);

      if (!deployment.runtime) return;
      // On this machine the bus can be looked at: in order, each once, as CloudEvents.
      const lines = readFileSync(join(deployment.runtime.folder, 'events.jsonl'), 'utf8').trim().split('\n');
      const onBus = lines.map((line) => JSON.parse(line)).filter(({ detail }) => detail.subject === `users/${user.subject}`);
      assert.deepEqual(
        onBus.map(({ detail }) => detail.id),
        delivered.map(({ id }) => id),
      );
      const signIn = onBus.find((event) => event['detail-type'] === 'user_authenticated');
      assert.deepEqual(
        [signIn.source, signIn.detail.specversion, signIn.detail.source, signIn.detail.producer, signIn.detail.severity],
        ['oauth2-local', '1.0', deployment.issuer, 'oauth2-local-login', 'info'],
      );
      assert.equal(signIn.detail.idempotencykey, signIn.detail.id);
      assert.ok(signIn.detail.correlationid);
      assert.equal(JSON.stringify(onBus).includes(user.email), false);
    });
  });
}
