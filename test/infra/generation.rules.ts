/** An instance that is made anew: what the templates change for it, so that CloudFormation can and everything finds the new one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instanceNames, stages } from '../../lib/stages.ts';
import { synthesise, type Templates } from './templates.ts';

describe('another generation of the database', async () => {
  const [first, second] = await Promise.all([synthesise('production'), synthesise('again')]);
  const opsOf = (templates: Templates) => JSON.stringify(templates.all.filter(({ part }) => part === 'ops'));

  it('is an instance of another name, in the place of the one before', () => {
    const [before, after] = [first, second].map((templates) => templates.one('data', 'AWS::RDS::DBInstance'));
    assert.deepEqual([before?.id, before?.properties.DBInstanceIdentifier], ['database', 'oauth2-production']);
    assert.deepEqual([after?.id, after?.properties.DBInstanceIdentifier], ['databaseg2', 'oauth2-again-g2']);
    assert.deepEqual(second.one('data', 'AWS::RDS::DBProxyTargetGroup').properties.DBInstanceIdentifiers, [
      { Ref: 'databaseg2' },
    ]);
    const groups = second.some('AWS::Logs::LogGroup').filter(({ part }) => part === 'data');
    assert.deepEqual(groups.map(({ properties }) => properties.LogGroupName).toSorted(), [
      '/aws/rds/instance/oauth2-again-g2/postgresql',
      '/aws/rds/instance/oauth2-again-g2/upgrade',
    ]);
  });

  it('is told to the functions by outputs that may change: no stack imports an export of the instance', () => {
    for (const ops of [opsOf(first), opsOf(second)])
      assert.doesNotMatch(ops, /ImportValue":"[^"]*FnGetAttdatabase(g2)?(Dbi|Endpoint|Master)/);
    for (const attribute of ['DbiResourceId', 'EndpointAddress', 'MasterUserSecretSecretArn']) {
      assert.match(opsOf(first), new RegExp(`GetStackOutput[^}]*[^}]*}?[^}]*FnGetAttdatabase${attribute}`));
      assert.match(opsOf(second), new RegExp(`GetStackOutput[^}]*[^}]*}?[^}]*FnGetAttdatabaseg2${attribute}`));
      assert.doesNotMatch(opsOf(second), new RegExp(`FnGetAttdatabase${attribute}`));
    }
  });

  it('wants every step of the deploy again: the new one is empty', () => {
    const steps = (templates: Templates) => templates.some('Custom::Procedure').map(({ properties }) => properties.instance);
    assert.deepEqual(steps(first), Array(3).fill('oauth2-production'));
    assert.deepEqual(steps(second), Array(3).fill('oauth2-again-g2'));
  });

  it('leaves the backups of those before it to a restore', () => {
    const names = instanceNames('again', { ...stages.production.database, generation: 3 });
    assert.deepEqual(names, ['oauth2-again-g3', 'oauth2-again-g2', 'oauth2-again']);
    const role = JSON.stringify(second.all.filter(({ part, id }) => part === 'ops' && /^rewindstep.*[Pp]olicy/.test(id)));
    for (const name of ['oauth2-again-g2', 'oauth2-again', 'oauth2-again-rewound-*'])
      assert.ok(role.includes(`:db:${name}"`), name);
  });
});
