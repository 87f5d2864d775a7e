#!/usr/bin/env node
/** Runs every scenario and draws the picture of docs/scaling.md: `node docs/scaling/simulate.ts` writes simulation.svg. */
import { writeFileSync } from 'node:fs';
import { readMeasured } from '../figures/measured.ts';
import { drawOutcomes } from './plot.ts';
import { type Outcome, runScenario } from './run.ts';
import { listScenarios } from './scenarios.ts';

let outcomes: readonly Outcome[] | undefined;

/** All scenarios, run once for a process. */
export function simulate(): readonly Outcome[] {
  const measured = readMeasured();
  outcomes ??= listScenarios(measured).map((scenario) => runScenario(scenario, measured));
  return outcomes;
}

export const pictureFile = new URL('simulation.svg', import.meta.url);

/** Ten requests a second make no picture. */
export function drawPicture(): string {
  return drawOutcomes(simulate().filter(({ scenario }) => scenario.name !== 'ten'));
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(pictureFile, drawPicture());
  process.stdout.write('docs/scaling/simulation.svg is written.\n');
}
