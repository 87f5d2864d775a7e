#!/usr/bin/env node
/** `npm start`: runs the authorization server on this machine until it is told to stop. */
import { join, resolve } from 'node:path';
import { env, exit, stderr, stdout } from 'node:process';
import { ConfigurationError, readConfig, readSetting } from '../lib/config.ts';
import { LocalFailure } from '../lib/local/failure.ts';
import { startInstance } from '../lib/local/instance.ts';
import { type SettingName, settings } from '../lib/settings.ts';

const root = join(import.meta.dirname, '..');
const started = performance.now();

function say(line: string): void {
  stdout.write(`${line}\n`);
}

/** Metrics are for CloudWatch; here they are in the functions' log files and would bury the request log. */
function withoutMetrics(lines: string): string {
  return lines.replace(/^\{"_aws":.*\n/gm, '');
}

const noRight = 'give this user the right to write there, make room, or';
const noFolder = 'that is a file;';
const remedies: Record<string, string> = {
  EACCES: noRight,
  EPERM: noRight,
  EROFS: noRight,
  ENOSPC: noRight,
  ENOTDIR: noFolder,
  EEXIST: noFolder,
};

/** Ends with one line for what a person can put right, and with everything known for what is our own fault. */
function fail(error: unknown): never {
  const { code, path, message, stack } = error as NodeJS.ErrnoException;
  const known = error instanceof LocalFailure || error instanceof ConfigurationError;
  const remedy = remedies[code ?? ''];
  if (remedy !== undefined && path !== undefined)
    stderr.write(`${message}: ${remedy} choose another folder with OAUTH2_DATA_DIR\n`);
  else stderr.write(`${known ? message : (stack ?? error)}\n`);
  exit(1);
}

/** npm passes signals on, but one that is killed outright leaves us without anybody who could stop us. */
function followParent(gone: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && gone(), 500).unref();
}

function readPort(given: string | undefined): number {
  if (given === undefined || given === '') return 8080;
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new LocalFailure(`PORT is ${JSON.stringify(given)}; allowed: a whole number from 1 to 65535, or 0 for any free port`);
}

/** The settings that this start was given, all of them checked. */
function readSettings(): Record<string, string> {
  const given = (Object.keys(settings) as SettingName[]).filter((name) => env[name]);
  const chosen = Object.fromEntries(given.map((name) => [name, readSetting(env, name)])) as Record<string, string>;
  readConfig({ OAUTH2_ISSUER: 'http://127.0.0.1', ...chosen, OAUTH2_STAGE: 'local' });
  const { OAUTH2_RELEASE: release, OAUTH2_POSTGRES_PROGRAMS: programs } = env;
  return {
    ...chosen,
    ...(release && { OAUTH2_RELEASE: release }),
    ...(programs && { OAUTH2_POSTGRES_PROGRAMS: resolve(programs) }),
  };
}

try {
  const { OAUTH2_ISSUER: issuer, ...environment } = readSettings();
  const giveUp = new AbortController();
  const instance = startInstance({
    signal: giveUp.signal,
    root,
    folder: resolve(env.OAUTH2_DATA_DIR || '.local'),
    port: readPort(env.PORT),
    ...(issuer !== undefined && { issuer }),
    environment,
    say,
    show: (lines) => stdout.write(withoutMetrics(lines)),
  });
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    say('stopping');
    giveUp.abort();
    await (await instance.catch(() => undefined))?.stop();
    exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop().catch(fail));
  if (env.npm_lifecycle_event !== undefined) followParent(() => void stop().catch(fail));
  const running = await instance.catch((error: unknown) => (stopping ? undefined : fail(error)));
  if (running && !stopping) {
    say(`started in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    say(`ready ${running.issuer}`);
    await running.broken.catch(async (error: unknown) => {
      await running.stop();
      fail(error);
    });
  }
} catch (error) {
  fail(error);
}
