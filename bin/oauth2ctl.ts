#!/usr/bin/env node
/** The operator's command-line tool. */
import { readFileSync } from 'node:fs';
import { runTool } from '../lib/cli/program.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

// A reader that closed early (`| head`) wants no more.
process.stdout.on('error', () => process.exit());

process.exitCode = await runTool(process.argv.slice(2), version, {
  environment: process.env,
  stdin: process.stdin,
  write: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
});
