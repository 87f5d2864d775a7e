/** The tables of the documentation that are written from the house's own tables, each between markers in its file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderIdle, renderKinds, renderMeasured, renderMetrics, renderPrices, renderUse } from '../../docs/costs/tables.ts';
import { renderGrowth, renderLimits, renderOutcomes, renderRequests, renderRows } from '../../docs/scaling/tables.ts';
import { exitCodes } from '../../lib/cli/exit-codes.ts';
import { commandNames, runTool } from '../../lib/cli/program.ts';
import { type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { type Route, routeNames, routes } from '../../lib/routes.ts';
import { type Setting, settings } from '../../lib/settings.ts';
import { renderDrills } from './drills.ts';
import { renderAlarms, renderIndex, renderSections, renderTasks } from './runbook-index.ts';

export interface Generated {
  /** Path below the root of the project. */
  readonly file: string;
  /** Names the markers: `<!-- generated: name -->` … `<!-- end of name -->`. */
  readonly name: string;
  render(): string | Promise<string>;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Commands with their pages. */
export function renderRunbookIndex(): string {
  return table(
    ['Procedure', 'Page and command', 'Changes state'],
    commandNames.map((name) => [
      procedures[name].purpose,
      `[\`oauth2ctl ${name}\`](${name}.md)`,
      procedures[name].writes ? 'yes' : 'no',
    ]),
  );
}

/** Procedures that nobody types. */
export function renderSchedules(): string {
  const rows = procedureNames.flatMap((name) => {
    const { command, schedule, further_schedules = [], occasion, purpose }: Procedure = procedures[name];
    const times = [schedule, ...further_schedules.map((one) => one.schedule)].flatMap((one) => (one ? [`\`${one}\``] : []));
    return command && times.length === 0 ? [] : [[`\`${name}\``, purpose, times.join(' and ') || `${occasion}`]];
  });
  return table(['Procedure', 'Purpose', 'Runs'], rows);
}

/** The README's table of endpoints. */
export function renderEndpoints(): string {
  return table(
    ['Endpoint', 'Methods', 'Purpose'],
    routeNames.map((name) => {
      const { paths, methods, purpose }: Route = routes[name];
      return [paths.map((path) => `\`${path}\``).join('<br>'), methods.join(', '), purpose];
    }),
  );
}

/** The README's table of settings. */
export function renderSettings(): string {
  return table(
    ['Variable', 'Default', 'Purpose'],
    Object.entries<Setting>(settings).map(([name, setting]) => {
      const range = setting.kind === 'choice' ? ` (${setting.allowed?.join(', ')})` : '';
      const value = setting.default === undefined ? 'the address above' : setting.default === '' ? '' : `\`${setting.default}\``;
      return [`\`${name}\``, value, `${setting.purpose}${range}`];
    }),
  );
}

/** Each command's own help. */
export async function renderUsage(): Promise<string> {
  const sections: string[] = [];
  for (const name of commandNames) {
    let text = '';
    const write = (chunk: string) => {
      text += chunk;
    };
    await runTool([name, '--help'], '', { environment: {}, stdin: process.stdin, write, complain: write }, 100);
    sections.push(`## ${name}\n\n\`\`\`\n${text.split('\nExit codes:')[0]?.trimEnd()}\n\`\`\``);
  }
  const codes = table(
    ['Exit code', 'Meaning'],
    Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]),
  );
  return [codes, ...sections].join('\n\n');
}

export const generated: readonly Generated[] = [
  { file: 'runbooks/README.md', name: 'commands', render: renderRunbookIndex },
  { file: 'runbooks/README.md', name: 'schedules', render: renderSchedules },
  { file: 'runbooks/README.md', name: 'index', render: renderIndex },
  { file: 'runbooks/README.md', name: 'tasks', render: renderTasks },
  { file: 'runbooks/README.md', name: 'alarms', render: renderAlarms },
  { file: 'runbooks/README.md', name: 'sections', render: renderSections },
  { file: 'docs/drills.md', name: 'drills', render: renderDrills },
  { file: 'README.md', name: 'endpoints', render: renderEndpoints },
  { file: 'README.md', name: 'settings', render: renderSettings },
  { file: 'docs/oauth2ctl.md', name: 'usage', render: renderUsage },
  { file: 'docs/costs.md', name: 'idle', render: renderIdle },
  { file: 'docs/costs.md', name: 'metrics', render: renderMetrics },
  { file: 'docs/costs.md', name: 'use', render: renderUse },
  { file: 'docs/costs.md', name: 'kinds', render: renderKinds },
  { file: 'docs/costs.md', name: 'measured', render: renderMeasured },
  { file: 'docs/costs.md', name: 'prices', render: renderPrices },
  { file: 'docs/scaling.md', name: 'requests', render: renderRequests },
  { file: 'docs/scaling.md', name: 'rows', render: renderRows },
  { file: 'docs/scaling.md', name: 'limits', render: renderLimits },
  { file: 'docs/scaling.md', name: 'growth', render: renderGrowth },
  { file: 'docs/scaling.md', name: 'outcomes', render: renderOutcomes },
];

const root = join(import.meta.dirname, '../..');

/** The file's text with the part between the markers replaced. @throws {Error} where the markers are missing */
async function fill(text: string, { file, name, render }: Generated): Promise<string> {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} lacks the lines "${start}" and "${end}"`);
  return `${text.slice(0, from + start.length)}\n${await render()}\n${text.slice(to)}`;
}

/** Which generated parts differ from their source, as `file: name`. Empty is good. */
export async function findStale(list: readonly Generated[] = generated): Promise<string[]> {
  const stale: string[] = [];
  for (const entry of list) {
    const text = readFileSync(join(root, entry.file), 'utf8');
    if ((await fill(text, entry)) !== text) stale.push(`${entry.file}: ${entry.name}`);
  }
  return stale;
}

/** Writes every generated part anew. @returns those that changed */
export async function writeGenerated(list: readonly Generated[] = generated): Promise<string[]> {
  const changed: string[] = [];
  for (const entry of list) {
    const path = join(root, entry.file);
    const text = readFileSync(path, 'utf8');
    const filled = await fill(text, entry);
    if (filled === text) continue;
    writeFileSync(path, filled);
    changed.push(`${entry.file}: ${entry.name}`);
  }
  return changed;
}
