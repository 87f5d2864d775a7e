/** The watch over the sources, on real folders that are changed as editors, people and git change them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { watchFolders } from '../../lib/local/watch.ts';

function watched(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'watch-'));
  const changes = new EventTarget();
  let calls = 0;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('sources/below/one.ts', '1');
  const stop = watchFolders({
    root,
    folders: ['sources', 'never-there'],
    matters: (path) => path.endsWith('.ts'),
    changed: async () => {
      calls++;
      changes.dispatchEvent(new Event('change'));
    },
    quiet_ms: 20,
  });
  t.after(() => {
    stop();
    rmSync(root, { recursive: true });
  });
  /** Does it, and ends only when the watch has said that something changed. */
  const seen = async (what: () => void) => {
    const change = once(changes, 'change', { signal: t.signal });
    what();
    await change;
  };
  return { root, write, seen, stop, calls: () => calls };
}

test('every saving of a file is seen, also where another file is renamed over it', { timeout: 10_000 }, async (t) => {
  const { root, write, seen } = watched(t);
  for (const text of ['2', '3', '4'])
    await seen(() => {
      write('elsewhere.ts', text);
      renameSync(join(root, 'elsewhere.ts'), join(root, 'sources/below/one.ts'));
    });
  for (const text of ['5', '6']) await seen(() => write('sources/below/one.ts', text));
});

test('new, removed and replaced files and folders are seen, and what happens in them afterwards', {
  timeout: 10_000,
}, async (t) => {
  const { root, write, seen } = watched(t);
  await seen(() => write('sources/below/two.ts', '1'));
  await seen(() => rmSync(join(root, 'sources/below/two.ts')));
  await seen(() => write('sources/new/deep/three.ts', '1'));
  await seen(() => write('sources/new/deep/three.ts', '2'));
  await seen(() => rmSync(join(root, 'sources/new'), { recursive: true }));
  await seen(() => write('sources/new/deep/three.ts', '3'));
  await seen(() => write('sources/new/deep/three.ts', '4'));
});

test('what does not matter is not told of, and nothing is after the end', { timeout: 10_000 }, async (t) => {
  const { write, seen, stop, calls } = watched(t);
  write('sources/below/notes.txt', '1');
  await seen(() => write('sources/below/one.ts', '2'));
  stop();
  write('sources/below/one.ts', '3');
  assert.equal(calls(), 1);
});
