/** CloudFormation can create a stage in some order and change it from one of its forms into another, and what is created may do what it is for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Json, type Properties, type Resource, synthesise } from './templates.ts';

/** Ids of the resources of its own stack that a value names. */
function namesIn(value: Json | undefined): string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap(namesIn);
  return Object.entries(value).flatMap(([key, member]) => {
    if (key === 'Ref') return [String(member)];
    if (key === 'Fn::GetAtt') return [String([member].flat()[0]).split('.')[0] ?? ''];
    if (key !== 'Fn::Sub') return namesIn(member as Json);
    const [text, ...given] = [member].flat() as Json[];
    return [...String(text).matchAll(/\$\{([^!.}]+)/g)].map(([, name = '']) => name).concat(given.flatMap(namesIn));
  });
}

/** What has to be there before it: what it names, an update policy included, and what it says that it depends on. */
const before = ({ properties, update_policy, depends_on }: Resource) =>
  new Set([...namesIn(properties), ...namesIn(update_policy), ...depends_on]);

/** A circle among the resources of one stack, as the ids on it. */
function findCircle(resources: readonly Resource[]): readonly string[] | undefined {
  const edges = new Map(resources.map((resource) => [resource.id, before(resource)]));
  const done = new Set<string>();
  const visit = (id: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    if (done.has(id)) return undefined;
    for (const next of edges.get(id) ?? []) {
      const circle = visit(next, [...path, id]);
      if (circle) return circle;
    }
    done.add(id);
    return undefined;
  };
  return [...edges.keys()].map((id) => visit(id, [])).find((circle) => circle !== undefined);
}

describe('the resources of a stack', () => {
  for (const stage of ['dev', 'staging', 'production', 'complete', 'quiet', 'named'])
    it(`of ${stage} wait for each other in no circle`, async () => {
      const stacks = Map.groupBy((await synthesise(stage)).all, ({ part }) => part);
      assert.ok(stacks.size > 4);
      for (const [part, resources] of stacks) assert.equal(findCircle(resources), undefined, part);
    });

  it('that wait for each other in a circle by an update policy are found', () => {
    const resource = (id: string, more: Partial<Resource>): Resource => ({
      part: 'api',
      id,
      type: 'X',
      properties: {},
      depends_on: [],
      ...more,
    });
    const circle = [
      resource('alias', { update_policy: { Group: { Ref: 'group' } } }),
      resource('group', { depends_on: ['policy'] }),
      resource('policy', { properties: { Resource: { 'Fn::GetAtt': ['alias', 'Arn'] } } }),
    ];
    assert.deepEqual(findCircle(circle), ['alias', 'group', 'policy', 'alias']);
    assert.equal(findCircle(circle.slice(1)), undefined);
  });
});

describe('what one stack exports and another imports', () => {
  for (const [one, other, what] of [
    ['dev', 'named', 'gets a domain'],
    ['dev', 'quiet', 'turns its events off'],
  ] as const)
    it(`is still exported when a stage ${what}, and the other way round`, async () => {
      const templates = { [one]: await synthesise(one), [other]: await synthesise(other) };
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const kept = templates[to]?.exports(to) ?? new Set();
        const imported = [...(templates[from]?.imports(from) ?? [])];
        assert.ok(imported.length > 3);
        // The stack of the bus goes away whole, after those that import of it.
        const lost = imported.filter((name) => !kept.has(name) && !name.startsWith('events:'));
        assert.deepEqual(lost, [], `${from} → ${to}`);
      }
    });
});

describe('the alarms of production', () => {
  it('may publish to their topics, whose own policies would else let nobody in', async () => {
    const templates = await synthesise('production');
    const policies = templates.some('AWS::SNS::TopicPolicy');
    assert.equal(policies.length, templates.some('AWS::SNS::Topic').length);
    for (const { id, properties } of policies) {
      const { Statement } = properties.PolicyDocument as { Statement: readonly Properties[] };
      const allowed = Statement.filter(({ Effect, Action }) => Effect === 'Allow' && Action === 'sns:Publish');
      assert.deepEqual(
        allowed.map(({ Principal, Condition }) => ({ Principal, Condition })),
        [
          {
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
        id,
      );
    }
  });
});
