/** What runs without anybody asking: schedules, the steps of a deploy, alarms and their topics. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Alarm } from '../../lib/alarm.ts';
import { type AlarmName, alarmNames, alarms } from '../../lib/alarms.ts';
import { minutesOf } from '../../lib/infra/server-alarms.ts';
import { insightsFilter, type LogQuery, logQueries, logQueryNames } from '../../lib/log-queries.ts';
import { type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { type Json, nameOf, type Properties, type Resource, synthesise, type Templates } from './templates.ts';

describe('a schedule of production', async () => {
  const templates = await synthesise('production');
  const schedules = templates.some('AWS::Scheduler::Schedule').filter(({ part }) => part === 'ops');
  const rows = procedureNames.map((name) => [name, procedures[name] as Procedure] as const);
  const scheduled = rows.filter(([, row]) => row.schedule && row.scheduler === undefined).map(([name]) => name);

  it('is there for each row that has one, at its time, and for no other', () => {
    const made = schedules.map(({ properties }) => [properties.Name, properties.ScheduleExpression]);
    const further = rows.flatMap(([name, row]) =>
      (row.further_schedules ?? []).map((one) => [`${name}-${one.name}`, one.schedule]),
    );
    const wanted = [...scheduled.map((name) => [name, (procedures[name] as Procedure).schedule]), ...further];
    assert.deepEqual(made.toSorted(), wanted.toSorted());
  });

  it('invokes the live alias of its procedure, tries again, and leaves what failed in a queue, unless it comes again within minutes', () => {
    for (const { part, properties } of schedules) {
      const target = properties.Target as Properties;
      const alias = templates.target(part, target.Arn) as Resource;
      assert.equal(alias.properties.Name, 'live');
      const fn = templates.target(part, alias.properties.FunctionName) as Resource;
      const name = String(fn.properties.FunctionName).replace('oauth2-production-', '');
      const row: Procedure = procedures[name as keyof typeof procedures];
      const further = row.further_schedules?.find((one) => `${name}-${one.name}` === properties.Name);
      assert.equal(further ? `${name}-${further.name}` : name, properties.Name);
      assert.deepEqual(target.RetryPolicy, { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 });
      const queue = templates.target(part, (target.DeadLetterConfig as Properties).Arn) as Resource;
      assert.equal(queue.type, 'AWS::SQS::Queue');
      assert.deepEqual(JSON.parse(String(target.Input)), {
        input: further?.input ?? row.schedule_input ?? {},
        apply: true,
        reason: further ? `scheduled: ${properties.Name}` : 'scheduled',
        actor: 'schedule',
      });

      const asynchronous = templates
        .some('AWS::Lambda::EventInvokeConfig')
        .find((config) => templates.target(part, config.properties.FunctionName) === fn) as Resource;
      const { OnFailure } = (asynchronous.properties.DestinationConfig ?? {}) as { OnFailure?: Properties };
      assert.equal(OnFailure && templates.target(part, OnFailure.Destination), row.comes_again ? undefined : queue);
      assert.equal(asynchronous.properties.MaximumRetryAttempts, 2);
      assert.equal(asynchronous.properties.MaximumEventAgeInSeconds, row.comes_again ? 300 : 3600);
    }
  });
});

describe('the rotation of the signing keys of production', async () => {
  const templates = await synthesise('production');
  const rotation = templates.one('ops', 'AWS::SecretsManager::RotationSchedule');
  const secret = templates.target('ops', rotation.properties.SecretId) as Resource;
  const alias = templates.target('ops', rotation.properties.RotationLambdaARN) as Resource;

  it('is kept by Secrets Manager and by nobody else, at the time of its row', () => {
    assert.equal(`${secret.part}/${nameOf(secret)}`, 'keys/signingkeys');
    const { schedule, scheduler }: Procedure = procedures['rotate-signing-keys'];
    assert.equal(scheduler, 'secrets-manager');
    assert.deepEqual(rotation.properties.RotationRules, { ScheduleExpression: schedule });
    const others = templates.some('AWS::Scheduler::Schedule').map(({ properties }) => properties.Name);
    assert.ok(!others.includes('rotate-signing-keys'));
    // A deploy is no reason to rotate.
    assert.equal(rotation.properties.RotateImmediatelyOnUpdate, false);
  });

  it('goes to the live alias, which Secrets Manager may invoke for this secret of this account alone, once the keys are there', () => {
    const fn = templates.target('ops', alias.properties.FunctionName) as Resource;
    assert.deepEqual([alias.properties.Name, fn.properties.FunctionName], ['live', 'oauth2-production-rotate-signing-keys']);
    const permissions = templates
      .some('AWS::Lambda::Permission')
      .filter(({ properties }) => properties.Principal === 'secretsmanager.amazonaws.com');
    assert.equal(permissions.length, 1);
    const [{ id, properties } = rotation] = permissions;
    assert.equal(templates.target('ops', properties.FunctionName), alias);
    assert.equal(templates.target('ops', properties.SourceArn), secret);
    assert.deepEqual(properties.SourceAccount, { Ref: 'AWS::AccountId' });
    assert.equal(properties.Action, 'lambda:InvokeFunction');
    assert.ok(rotation.depends_on.includes(id));
    const keys = templates.some('Custom::Procedure').find(({ properties: own }) => own.procedure === 'create-signing-keys');
    assert.ok(alias.depends_on.includes(keys?.id ?? ''));
  });

  it('stays with EventBridge Scheduler where Secrets Manager keeps no schedule', async () => {
    const emulator = await synthesise('emulator');
    assert.deepEqual(emulator.of('AWS::SecretsManager::RotationSchedule'), []);
    const names = emulator.some('AWS::Scheduler::Schedule').map(({ properties }) => properties.Name);
    assert.ok(names.includes('rotate-signing-keys'));
  });
});

describe('a procedure of production that another follows', async () => {
  const templates = await synthesise('production');
  const configs = templates.some('AWS::Lambda::EventInvokeConfig').filter(({ part }) => part === 'ops');
  const targetOf = (part: string, value: Json | undefined) => {
    const alias = templates.target(part, value as Json) as Resource;
    const fn = templates.target(part, alias.properties.FunctionName) as Resource;
    return [alias.properties.Name, String(fn.properties.FunctionName).replace('oauth2-production-', '')];
  };

  it('hands what it found to the live alias of that one, and no other hands on anything', () => {
    const made = configs.flatMap(({ part, properties }) => {
      const { OnSuccess } = (properties.DestinationConfig ?? {}) as { OnSuccess?: Properties };
      const source = templates.target(part, properties.FunctionName) as Resource;
      const name = String(source.properties.FunctionName).replace('oauth2-production-', '');
      return OnSuccess ? [[name, ...targetOf(part, OnSuccess.Destination)]] : [];
    });
    const wanted = procedureNames.flatMap((name) => {
      const { next }: Procedure = procedures[name];
      return next === undefined ? [] : [[name, 'live', next]];
    });
    assert.ok(wanted.length > 0);
    assert.deepEqual(made.toSorted(), wanted.toSorted());
  });

  it('reaches clients where it has to: the one that sends logout tokens is in no VPC', () => {
    const find = (name: string) =>
      templates.some('AWS::Lambda::Function').find(({ properties }) => properties.FunctionName === `oauth2-production-${name}`);
    assert.equal(find('deliver-logout-tokens')?.properties.VpcConfig, undefined);
    assert.ok(find('collect-logout-notices')?.properties.VpcConfig);
  });
});

describe('a deploy of production', async () => {
  const templates = await synthesise('production');
  const steps = templates.some('Custom::Procedure');
  const migrate = steps.find(({ properties }) => properties.procedure === 'migrate') as Resource;
  const createKeys = steps.find(({ properties }) => properties.procedure === 'create-signing-keys') as Resource;
  const aliases = templates.some('AWS::Lambda::Alias').filter(({ part }) => part === 'ops');

  /** Whether a resource waits for another one of its stack, by whatever way. */
  function waitsFor(resource: Resource, awaited: Resource, seen = new Set<string>()): boolean {
    if (seen.has(resource.id)) return false;
    seen.add(resource.id);
    const text = JSON.stringify(resource.properties);
    const next = templates.all.filter(
      ({ part, id }) => part === resource.part && (resource.depends_on.includes(id) || text.includes(`"${id}"`)),
    );
    return next.some((one) => one === awaited || waitsFor(one, awaited, seen));
  }

  it('backs up before it migrates, where the migration that it brings wants that', () => {
    const backup = steps.find(({ properties }) => properties.procedure === 'backup') as Resource;
    const nameOfAlias = (value: Json | undefined) => {
      const alias = templates.target('ops', value) as Resource;
      return (templates.target('ops', alias.properties.FunctionName) as Resource).properties.FunctionName;
    };
    assert.equal(nameOfAlias(backup.properties.function_arn), 'oauth2-production-backup');
    assert.equal(nameOfAlias(backup.properties.asked_arn), 'oauth2-production-migrate');
    assert.equal(backup.properties.input, '{"kind":"deploy"}');
    // A file more in the other one is a reason to ask again.
    assert.equal(templates.target('ops', backup.properties.asked_version)?.type, 'AWS::Lambda::Version');
    assert.ok(waitsFor(migrate, backup));
    assert.ok(!waitsFor(backup, migrate));
    // The step itself may take as long as Lambda lets it, and the backup a little less.
    assert.ok(Number(procedures.backup.seconds) < 900);
  });

  it('migrates, and then creates the keys, with the code that it brings', () => {
    for (const [step, procedure] of [
      [migrate, 'migrate'],
      [createKeys, 'create-signing-keys'],
    ] as const) {
      const alias = templates.target('ops', step.properties.function_arn) as Resource;
      const fn = templates.target('ops', alias.properties.FunctionName) as Resource;
      assert.equal(fn.properties.FunctionName, `oauth2-production-${procedure}`);
      // Another version is another value, so that CloudFormation runs the step again.
      assert.equal(templates.target('ops', step.properties.version)?.type, 'AWS::Lambda::Version');
    }
    assert.ok(waitsFor(createKeys, migrate));
    assert.ok(!waitsFor(migrate, createKeys));
  });

  it('lets new code serve only after that', async () => {
    for (const alias of aliases) {
      const first = waitsFor(migrate, alias) || alias.properties.FunctionName === undefined;
      if (!first) assert.ok(waitsFor(alias, migrate), alias.id);
    }
    const { buildStage } = await import('./stand-ins.ts');
    const { api, ops } = await buildStage('production');
    assert.ok(api.dependencies.includes(ops));
  });

  it('takes no such step where nothing is deployed', async () => {
    const local = await synthesise('local');
    assert.deepEqual(local.of('Custom::Procedure'), []);
  });
});

describe('the alarms of production', async () => {
  const templates = await synthesise('production');
  // Those of the objectives: alarms.test.ts.
  const made = templates.some('AWS::CloudWatch::Alarm').filter(({ properties }) => properties.AlarmActions !== undefined);
  const rowOf = (alarm: Resource) =>
    String(alarm.properties.AlarmName).replace('oauth2-production-', '').split('-')[0] as AlarmName;

  it('are those of the table, once for the stage or once for each function', () => {
    const names = made.map(({ properties }) => String(properties.AlarmName).replace('oauth2-production-', ''));
    const wanted = alarmNames.flatMap((name) => {
      const { each, metrics }: Alarm = alarms[name];
      // This stage has no domain, and no second region.
      if (Object.values(metrics).some(({ source }) => source === 'certificate' || source === 'replication')) return [];
      if (each === undefined) return [name];
      const rows = { route: routeNames, procedure: procedureNames, function: [...routeNames, ...procedureNames] };
      return rows[each].map((fn) => `${name}-${fn}`);
    });
    assert.deepEqual(names.toSorted(), wanted.toSorted());
  });

  it('lead to a page that there is', () => {
    for (const name of alarmNames)
      assert.ok(existsSync(join(import.meta.dirname, '../../runbooks', `${alarms[name].runbook}.md`)), name);
  });

  it('say what to do and tell the topic of their severity, also when it is over', () => {
    for (const alarm of made) {
      const row: Alarm = alarms[rowOf(alarm)];
      const [, fn = ''] = /^[^-]+-(.*)$/.exec(String(alarm.properties.AlarmName).replace('oauth2-production-', '')) ?? [];
      const page = row.runbook_of?.[fn] ?? row.runbook;
      assert.match(String(alarm.properties.AlarmDescription), new RegExp(`runbooks/${page}\\.md$`));
      for (const actions of [alarm.properties.AlarmActions, alarm.properties.OKActions] as (readonly Json[])[]) {
        assert.equal(actions.length, 1);
        assert.equal(nameOf(templates.target(alarm.part, actions[0]) as Resource), row.severity);
      }
    }
  });

  it('compare with the threshold of their row over as many minutes', () => {
    for (const { properties, ...alarm } of made) {
      const row: Alarm = alarms[rowOf({ properties, ...alarm })];
      assert.equal(properties.Threshold, row.threshold);
      const [, fn] = /^[^-]+-(.*)$/.exec(String(properties.AlarmName).replace('oauth2-production-', '')) ?? [];
      assert.equal(Number(properties.EvaluationPeriods) * row.period, minutesOf(row, fn));
      assert.equal(properties.TreatMissingData, row.silence === 'wrong' ? 'breaching' : 'notBreaching');
      const metrics = (properties.Metrics ?? []) as readonly Properties[];
      const expressions = metrics.filter((metric) => metric.Expression);
      assert.equal(expressions.length, row.expression ? 1 : 0);
      for (const { Expression } of expressions) assert.doesNotMatch(String(Expression), /[{}]|undefined/);
    }
  });

  it('watch nothing that the stage does not have', async () => {
    const emulator: Templates = await synthesise('emulator');
    const text = JSON.stringify(
      emulator.of('AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard').map(({ properties }) => properties),
    );
    assert.doesNotMatch(text, /AWS\/RDS/);
  });
});

describe('the saved queries of production', async () => {
  const templates = await synthesise('production');

  it('ask what oauth2ctl logs asks, as a list and as counts', () => {
    const queries = new Map(
      templates
        .some('AWS::Logs::QueryDefinition')
        .map(({ properties }) => [String(properties.Name), String(properties.QueryString)]),
    );
    for (const name of logQueryNames) {
      const { any }: LogQuery = logQueries[name];
      for (const [logs, conditions] of Object.entries(any))
        for (const counted of ['', '-counted']) {
          const own = `oauth2-production/${name}${logs === 'requests' ? '' : `-of-${logs}`}${counted}`;
          assert.ok(queries.get(own)?.includes(insightsFilter(conditions)), own);
          assert.equal(queries.get(own)?.includes('stats count(*)'), counted !== '');
        }
    }
  });

  it('ask log groups that the stacks make', () => {
    const groups = templates.some('AWS::Logs::LogGroup').map(({ properties }) => properties.LogGroupName);
    const queries = templates.some('AWS::Logs::QueryDefinition');
    assert.ok(queries.length > 0);
    for (const { properties } of queries) {
      for (const group of properties.LogGroupNames as readonly Json[])
        assert.ok(groups.includes(group), `${properties.Name}: ${group}`);
    }
  });
});
