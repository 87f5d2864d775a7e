/** The folder lock: one live process holds it, a dead one never does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder, processStart } from '../../lib/local/lock.ts';
import { makeFolder, writeFiles } from './fixture.ts';

test('a folder is held until it is given free', (t) => {
  const folder = makeFolder(t);
  const lock = lockFolder(folder);
  assert.ok(typeof lock === 'object');
  assert.equal(lockFolder(folder), process.pid);
  lock.release();
  lock.release();
  assert.equal(typeof lockFolder(folder), 'object');
});

test('the lock of a killed process is taken over', async (t) => {
  const folder = makeFolder(t);
  const source = `import { lockFolder } from ${JSON.stringify(import.meta.resolve('../../lib/local/lock.ts'))};
    lockFolder(${JSON.stringify(folder)}); process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  assert.equal(lockFolder(folder), child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(typeof lockFolder(folder), 'object');
});

test('a process id that was given to another process since holds nothing', (t) => {
  const folder = makeFolder(t);
  writeFiles(folder, { 'lock.json': JSON.stringify({ pid: process.pid, started: 'in another life' }) });
  assert.equal(typeof lockFolder(folder), 'object');
});

test('a lock file that holds no lock is taken over', (t) => {
  const folder = makeFolder(t);
  writeFiles(folder, { 'lock.json': '{' });
  assert.equal(typeof lockFolder(join(folder)), 'object');
});

test('a process that does not run has no start', () => {
  assert.equal(processStart(2 ** 22 + 1), undefined);
  assert.equal(processStart(process.pid), processStart(process.pid));
});
