/** `npm start` itself, with the project's own app: it gets ready, serves, and stops without a trace; a wrong start says what to do. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { processStart } from '../../lib/local/lock.ts';
import type { RuntimeFile } from '../../lib/local/runtime-file.ts';
import { makeFolder } from './fixture.ts';

const root = join(import.meta.dirname, '../..');

interface Command {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** The first line that matches; rejects when the command ends without one. */
  said(pattern: RegExp): Promise<string>;
  /** Exit code and everything that was said. */
  ended(): Promise<[code: number | null, text: string]>;
}

function npmStart(t: TestContext, environment: Record<string, string>): Command {
  const child = spawn(execPath, ['bin/local.ts'], { cwd: root, env: { PATH: env.PATH, ...environment } });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const looks = new Set<() => void>();
  const closed = once(child, 'close').then(([code]) => {
    for (const look of looks) look();
    return code as number | null;
  });
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      for (const look of looks) look();
    });
  return {
    child,
    lines,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && child.exitCode === null && child.signalCode === null) return;
          looks.delete(look);
          if (found === undefined) reject(new Error(`ended without saying ${pattern}:\n${lines.join('\n')}`));
          else resolve(found);
        };
        looks.add(look);
        look();
      }),
    ended: async () => [await closed, lines.join('\n')],
  };
}

function serverPid(folder: string): number {
  return Number.parseInt(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8'), 10);
}

test('without another program on the PATH it says that it is ready, serves every part, and SIGTERM ends everything', async (t) => {
  const folder = makeFolder(t);
  const command = npmStart(t, { PORT: '0', OAUTH2_DATA_DIR: folder, PATH: join(folder, 'nothing') });
  const issuer = (await command.said(/^ready /)).slice('ready '.length);
  assert.match(issuer, /^http:\/\/127\.0\.0\.1:\d+$/);
  const runtime = JSON.parse(readFileSync(join(folder, 'runtime.json'), 'utf8')) as RuntimeFile;
  assert.deepEqual([runtime.pid, runtime.issuer], [command.child.pid, issuer]);
  const [ready, discovery, jwks] = await Promise.all(
    ['/ready', '/.well-known/openid-configuration', '/.well-known/jwks.json'].map(async (path) => {
      const response = await fetch(issuer + path);
      assert.equal(response.status, 200, path);
      return (await response.json()) as { status?: string; issuer?: string; keys?: unknown[] };
    }),
  );
  assert.equal(ready?.status, 'ready');
  assert.equal(discovery?.issuer, issuer);
  assert.ok(jwks?.keys?.length);
  const postgres = serverPid(folder);
  command.child.kill('SIGTERM');
  const [code, text] = await command.ended();
  assert.equal(code, 0, text);
  assert.equal(processStart(postgres), undefined);
  assert.doesNotMatch(text, /"_aws":/);
});

test('an interrupted start ends everything as well', async (t) => {
  const folder = makeFolder(t);
  const command = npmStart(t, { PORT: '0', OAUTH2_DATA_DIR: folder });
  await command.said(/^synthesising/);
  command.child.kill('SIGINT');
  const [code, text] = await command.ended();
  assert.equal(code, 0, text);
  assert.match(text, /\nstopping$/);
  assert.throws(() => serverPid(folder), { code: 'ENOENT' });
});

for (const [name, given, expected] of [
  ['PORT', 'http', /^PORT is "http"; allowed: a whole number from 1 to 65535/],
  ['OAUTH2_ISSUER', 'ftp://x', /^OAUTH2_ISSUER is "ftp:\/\/x"; allowed: an https URL/],
  ['OAUTH2_REGISTRATION', 'maybe', /^OAUTH2_REGISTRATION is "maybe"; allowed: open, token, off$/],
  ['OAUTH2_ACCESS_TOKEN_ALG', 'PS256', /^OAUTH2_ACCESS_TOKEN_ALG is "PS256"; allowed: ES256, RS256$/],
  ['OAUTH2_EVENTS_TYPES', 'token', /^OAUTH2_EVENTS_TYPES is "token"; allowed: some of these, /],
  [
    'OAUTH2_DATA_DIR',
    join(root, 'package.json'),
    /^EEXIST: .*package\.json': that is a file; choose another folder with OAUTH2_DATA_DIR$/,
  ],
] as const)
  test(`a wrong ${name} stops the start with one line: the variable, what was given, what is allowed`, async (t) => {
    const [code, text] = await npmStart(t, { OAUTH2_DATA_DIR: makeFolder(t), [name]: given }).ended();
    assert.equal(code, 1);
    assert.match(text, expected);
    assert.doesNotMatch(text, /\n/);
  });

test('a taken port stops the start with one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const [code, text] = await npmStart(t, { OAUTH2_DATA_DIR: makeFolder(t), PORT: String(port) }).ended();
  assert.equal(code, 1);
  assert.match(text, new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is taken by another program: .*PORT=\\d+ npm start$`));
});
