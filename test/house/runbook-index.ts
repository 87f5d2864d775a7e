/** The tables of runbooks/README.md: the index by the sections of before, and which command, page, alarm and test each line has. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Alarm } from '../../lib/alarm.ts';
import { alarmNames, alarms } from '../../lib/alarms.ts';
import { burnAlarms, objectiveNames, objectives } from '../../lib/objectives.ts';
import { pageNames, pages } from '../../lib/pages.ts';
import { type Procedure, procedures } from '../../lib/procedures.ts';
import type { Line } from './sections/section.ts';
import { sections } from './sections.ts';

const root = join(import.meta.dirname, '../..');

export const isTask = (name: string): boolean => (pageNames as readonly string[]).includes(name);
export const isCommand = (name: string): boolean => (procedures as Readonly<Record<string, Procedure>>)[name]?.command === true;

const link = (name: string): string => (isTask(name) || isCommand(name) ? `[${name}](${name}.md)` : `${name} *(not there yet)*`);

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The tests of a line: those it names, and those named like its commands. */
export function testsOf({ here, tests = [] }: Line): string[] {
  const own = here
    .flatMap((name) => [`test/ops/${name}.test.ts`, `test/cli/${name}.test.ts`])
    .filter((path) => existsSync(join(root, path)));
  return [...new Set([...own, ...tests])];
}

/** Every section of before by its title, in its group, with the pages that take its place. */
export function renderIndex(): string {
  const groups = Map.groupBy(sections, ({ group }) => group);
  return [...groups]
    .map(([group, members]) => {
      const lines = members.map(({ title, lines }) => {
        const names = [...new Set(lines.flatMap(({ here }) => here))];
        return `- ${title}: ${names.map(link).join(' · ')}`;
      });
      return `### ${group}\n\n${lines.join('\n')}`;
    })
    .join('\n\n');
}

/** Line by line. */
export function renderSections(): string {
  const rows = sections.flatMap(({ title, lines }) =>
    lines.map((line) => [
      title,
      line.there,
      line.here
        .filter((name) => !isTask(name))
        .map((name) => (isCommand(name) ? `\`oauth2ctl ${name}\`` : `${name} *(not there yet)*`))
        .join(', '),
      line.here
        .filter((name) => isTask(name) || isCommand(name))
        .map((name) => `[${name}](${name}.md)`)
        .join(', '),
      testsOf(line)
        .map((path) => `[${path.replace('test/', '')}](../${path})`)
        .join(', '),
    ]),
  );
  return table(['Section', 'What it was', 'Command', 'Page', 'Carried out by'], rows);
}

export function renderTasks(): string {
  return table(
    ['Task', 'Page'],
    pageNames.map((name) => [pages[name].purpose, `[${name}](${name}.md)`]),
  );
}

/** Each alarm with the page that it leads to. */
export function renderAlarms(): string {
  const single = alarmNames.map((name) => {
    const { runbook, runbook_of = {}, severity, purpose, minutes, minutes_where_it_comes_again: again }: Alarm = alarms[name];
    const led = [...new Set([...Object.values(runbook_of), runbook])].map((page) => `[${page}](${page}.md)`);
    const after = minutes === 1440 ? '1 day' : `${minutes} min`;
    const repeated = again === undefined ? '' : `; ${again} min for procedures that run every few minutes`;
    return [name, severity, after + repeated, purpose, led.join(' · ')];
  });
  const burning = objectiveNames.flatMap((name) =>
    burnAlarms.map(({ suffix, severity, burns }) => {
      const { runbook, purpose } = objectives[name];
      const windows = burns.map(({ factor, short, long }) => `${factor} × (${windowText(short)} and ${windowText(long)})`);
      return [`${name}${suffix}`, severity, windows.join(' or '), purpose, `[${runbook}](${runbook}.md)`];
    }),
  );
  return table(['Alarm', 'Severity', 'After', 'Says', 'Leads to'], [...single, ...burning]);
}

function windowText(minutes: number): string {
  if (minutes % 1440 === 0) return `${minutes / 1440} d`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}

/** Names of a line that are neither a command nor a task page: what is not there yet. */
export function missingOf({ here }: Line): readonly string[] {
  return here.filter((name) => !isTask(name) && !isCommand(name));
}
