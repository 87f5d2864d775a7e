/** The benchmark still works: every bundle can be imported with its settings, and this server answers what it asks. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { measureImports } from '../../bench/imports.ts';
import { prepareOauth2 } from '../../bench/oauth2/prepare.ts';
import { start } from '../../bench/process.ts';
import { bundleOurFunctions, bundleProgram } from '../../bench/programs.ts';
import { raceRefresh } from '../../bench/race.ts';
import { testDatabase } from '../support/postgres.ts';

test('what npm run bench measures of this server starts, imports and answers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-bench-test-'));
  const bundles = join(folder, 'functions');
  const { host, port, name: database, drop } = await testDatabase();
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true }), drop];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  const sources = await bundleOurFunctions(bundles);
  const program = await bundleProgram('oauth2', folder);
  const ours = await prepareOauth2(program, { host, port, database, bundles, folder });
  ends.push(() => ours.close());

  const figures = await measureImports(sources, bundles, ours.environment, 1);
  assert.deepEqual(
    figures.map(({ name }) => name),
    sources.map(({ name }) => name),
  );
  assert.ok(figures.every(({ import_ms, kilobytes }) => import_ms > 0 && kilobytes > 1));

  const server = await start(ours, program.source);
  ends.push(() => server.stop());
  const race = await raceRefresh(ours, 'ours', server.port, 2, 3);
  assert.deepEqual([race.accepted_more_than_once, race.forked, race.never_accepted, race.odd_answers], [2, 0, 0, 0]);
});
