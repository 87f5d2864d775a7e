/** The table of docs/drills.md, from what the drills recorded. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedDrill } from '../drills/record.ts';

const folder = join(import.meta.dirname, '../../docs/drills');

export function renderDrills(): string {
  const drills = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as RecordedDrill);
  const rows = drills.flatMap(({ name, shows, recorded_on, machine, figures }) =>
    Object.entries(figures).map(([figure, value], index) => {
      const first = index === 0 ? [`**${name}**${shows ? `: ${shows}` : ''}`, `${recorded_on}, ${machine}`] : ['', ''];
      return `| ${[first[0], figure, String(value), first[1]].join(' | ')} |`;
    }),
  );
  return ['| Drill | Figure | Value | Measured |', '| --- | --- | ---: | --- |', ...rows].join('\n');
}
