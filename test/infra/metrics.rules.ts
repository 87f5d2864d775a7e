/** What functions publish in their logs reaches the one that adds it up: of all of them, of no stranger, and never of itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alarms } from '../../lib/alarms.ts';
import { procedureNames } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { type Json, type Properties, type Resource, synthesise } from './templates.ts';

describe('the dashboard of production', async () => {
  const templates = await synthesise('production');
  const { DashboardBody } = templates.one('observability', 'AWS::CloudWatch::Dashboard').properties;
  const { widgets } = JSON.parse(templates.text('observability', DashboardBody)) as {
    widgets: {
      properties: { title?: string; metrics?: unknown; annotations?: { horizontal?: { value: number; label: string }[] } };
    }[];
  };
  const graphs = widgets.filter(({ properties }) => properties.metrics).map(({ properties }) => properties);

  it('shows the six queries and the database, each with the threshold of its alarm', () => {
    for (const [metric, alarm] of [
      ['"Count"', undefined],
      ['100 \\* errors / requests', 'HighErrorRate'],
      ['oauth_token_issued_total', undefined],
      ['oauth_active_tokens', 'ActiveTokensHigh'],
      ['"Latency".*"p95"', 'HighResponseTime'],
      ['db_query_duration_seconds.*"p95"', undefined],
      ['CPUUtilization', 'DatabaseCpuHigh'],
      ['FreeableMemory', undefined],
    ] as const) {
      const found = graphs.filter(({ metrics }) => new RegExp(metric).test(JSON.stringify(metrics)));
      assert.ok(found.length > 0, metric);
      if (alarm === undefined) continue;
      const lines = found.flatMap(({ annotations }) => annotations?.horizontal ?? []);
      assert.ok(
        lines.some(({ value, label }) => label === alarm && value === alarms[alarm].threshold),
        `${metric}: ${JSON.stringify(lines)}`,
      );
    }
  });
});

for (const stage of ['production', 'local', 'emulator', 'complete']) {
  describe(`the log subscriptions of ${stage}`, async () => {
    const templates = await synthesise(stage);
    const filters = templates.some('AWS::Logs::SubscriptionFilter');
    const functionOf = (part: string, value: Json | undefined) => {
      const alias = templates.target(part, value as Json) as Resource;
      assert.equal(alias.properties.Name, 'live');
      return templates.target(alias.part, alias.properties.FunctionName)?.properties.FunctionName;
    };

    it('are one for each function but the one that they lead to', () => {
      const sources = filters.map(
        ({ part, properties }) => templates.target(part, properties.LogGroupName)?.properties.LogGroupName,
      );
      const wanted = [...routeNames, ...procedureNames].filter((name) => name !== 'aggregate-metrics');
      assert.deepEqual(sources.toSorted(), wanted.map((name) => `/aws/lambda/oauth2-${stage}-${name}`).toSorted());
      for (const { part, properties } of filters)
        assert.equal(functionOf(part, properties.DestinationArn), `oauth2-${stage}-aggregate-metrics`);
    });

    it('take lines in embedded metric format of this server alone', () => {
      // The emulator knows words alone.
      const pattern =
        stage === 'emulator'
          ? '"CloudWatchMetrics" "oauth2_server"'
          : '{ $._aws.CloudWatchMetrics[0].Namespace = "oauth2_server" }';
      for (const { properties } of filters) assert.equal(properties.FilterPattern, pattern);
    });

    it('are let in by one permission, for the functions of this stage in this account, which is there before them', () => {
      const permissions = templates
        .some('AWS::Lambda::Permission')
        .filter(({ properties }) => properties.Principal === 'logs.amazonaws.com');
      assert.equal(permissions.length, 1);
      const [{ part, id, properties }] = permissions as [Resource];
      assert.equal(functionOf(part, properties.FunctionName), `oauth2-${stage}-aggregate-metrics`);
      assert.match(templates.text(part, properties.SourceAccount), /^(accountid|\d{12})$/);
      assert.match(templates.text(part, properties.SourceArn), new RegExp(`:log-group:/aws/lambda/oauth2-${stage}-\\*:\\*$`));
      for (const filter of filters) if (filter.part === part) assert.ok(filter.depends_on.includes(id), filter.id);
    });

    it('lose nothing while the database is away: what failed waits in a queue that leads back, and then in that of schedules', () => {
      const mapping = templates.one('ops', 'AWS::Lambda::EventSourceMapping');
      const waiting = templates.target('ops', mapping.properties.EventSourceArn) as Resource;
      assert.equal(functionOf('ops', mapping.properties.FunctionName), `oauth2-${stage}-aggregate-metrics`);
      const config = templates
        .some('AWS::Lambda::EventInvokeConfig')
        .find(
          ({ part, properties }) =>
            templates.target(
              part,
              (properties.DestinationConfig as { OnFailure?: Properties } | undefined)?.OnFailure?.Destination,
            ) === waiting,
        );
      assert.ok(config);
      const { deadLetterTargetArn, maxReceiveCount } = waiting.properties.RedrivePolicy as Properties;
      assert.match(String(templates.target('ops', deadLetterTargetArn)?.id), /^schedulesfailed/);
      const hours = (Number(maxReceiveCount) * Number(waiting.properties.VisibilityTimeout)) / 3600;
      assert.ok(hours >= 24 && hours * 3600 < Number(waiting.properties.MessageRetentionPeriod));
      // Longer than a run, or a message would be given out while it is worked on.
      assert.ok(Number(waiting.properties.VisibilityTimeout) >= 6 * 30);
    });
  });
}
