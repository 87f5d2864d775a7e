/** Draws outcomes as one picture: a panel for each scenario, what was served and refused in each second stacked upon each other. */
import type { Outcome, Second } from './run.ts';

const panel = { width: 470, height: 236, left: 58, right: 24, top: 56, bottom: 32 } as const;
const gap = { x: 20, y: 18 } as const;
const columns = 2;
const page = { margin: 24, head: 74 } as const;

interface Layer {
  readonly label: string;
  readonly colour: string;
  value(second: Second): number;
}

const layers: readonly Layer[] = [
  { label: 'served', colour: '#2f6fb3', value: ({ served }) => served },
  { label: 'refused by API Gateway (429)', colour: '#f2b84b', value: ({ refused }) => refused.gateway },
  { label: 'refused by Lambda (503)', colour: '#9b6bc2', value: ({ refused }) => refused.lambda },
  { label: 'refused by the database (503)', colour: '#d1495b', value: ({ refused }) => refused.database },
];

const grey = '#5b6673';
const dark = '#1d2733';
const one = (value: number) => Number(value.toFixed(1));

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${one(x)}" y="${one(y)}" ${attributes}>${content.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</text>`;
}

/** A round number of steps up to at least `highest`. */
export function chooseTicks(highest: number): number[] {
  const rough = Math.max(1, highest) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => power * factor >= rough) ?? 10);
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, index) => index * step);
}

function caption({ peaks, p95_ms, sign_ins }: Outcome): string {
  const people = sign_ins && `${sign_ins.finished.toLocaleString('en')} of ${sign_ins.begun.toLocaleString('en')} sign-ins done`;
  return [
    people,
    `p95 ${p95_ms < 1000 ? `${Math.round(p95_ms)} ms` : `${one(p95_ms / 1000)} s`}`,
    `${peaks.concurrency.toLocaleString('en')} sandboxes`,
    `${peaks.connections} connections`,
  ]
    .filter(Boolean)
    .join(' · ');
}

function drawPanel(outcome: Outcome, x: number, y: number): string {
  const { scenario, seconds } = outcome;
  const inner = { width: panel.width - panel.left - panel.right, height: panel.height - panel.top - panel.bottom };
  const totals = seconds.map((second) => layers.reduce((sum, layer) => sum + layer.value(second), 0));
  const highest = Math.max(...totals, ...seconds.map(({ offered }) => offered));
  const ticks = chooseTicks(highest);
  const ceiling = ticks.at(-1) as number;
  const toX = (second: number) => panel.left + (second / seconds.length) * inner.width;
  const toY = (value: number) => panel.top + inner.height - (value / ceiling) * inner.height;

  const grid = ticks.map(
    (tick) =>
      `<line x1="${panel.left}" x2="${panel.width - panel.right}" y1="${one(toY(tick))}" y2="${one(toY(tick))}" stroke="#e3e8ee"/>` +
      text(panel.left - 7, toY(tick) + 3.5, tick.toLocaleString('en'), `text-anchor="end" font-size="10" fill="${grey}"`),
  );
  const marks = chooseTicks(seconds.length)
    .filter((second) => second <= seconds.length)
    .map((second) =>
      text(toX(second), panel.height - panel.bottom + 15, `${second} s`, `text-anchor="middle" font-size="10" fill="${grey}"`),
    );
  const floor = seconds.map(() => 0);
  const areas = layers.map(({ colour, value }) => {
    const bottom = [...floor];
    seconds.forEach((second, index) => {
      floor[index] = (floor[index] as number) + value(second);
    });
    if (floor.every((level, index) => level === bottom[index])) return '';
    const edge = (levels: readonly number[]) =>
      levels.flatMap((level, index) => [`${one(toX(index))},${one(toY(level))}`, `${one(toX(index + 1))},${one(toY(level))}`]);
    return `<polygon fill="${colour}" points="${[...edge(floor), ...edge(bottom).reverse()].join(' ')}"/>`;
  });
  const loud = seconds.slice(scenario.step_at_s, scenario.ends_at_s);
  const served = Math.round(loud.reduce((sum, second) => sum + second.served, 0) / loud.length);
  const label = `${served.toLocaleString('en')} served a second`;
  const labelX = toX(scenario.step_at_s) + 8;
  const labelY = Math.max(toY(Math.max(...loud.map((second) => second.served))) - 7, panel.top + 14);
  const offered = seconds
    .flatMap((second, index) => [
      `${one(toX(index))},${one(toY(second.offered))}`,
      `${one(toX(index + 1))},${one(toY(second.offered))}`,
    ])
    .join(' ');
  return [
    `<g transform="translate(${x} ${y})">`,
    `<rect width="${panel.width}" height="${panel.height}" rx="6" fill="#ffffff" stroke="#d5dce4"/>`,
    text(14, 22, scenario.title, `font-size="13" font-weight="600" fill="${dark}"`),
    text(14, 40, caption(outcome), `font-size="11" fill="${grey}"`),
    ...grid,
    ...marks,
    ...areas,
    `<polyline fill="none" stroke="${dark}" stroke-width="1.2" stroke-dasharray="4 2.5" points="${offered}"/>`,
    `<rect x="${one(labelX - 4)}" y="${one(labelY - 12)}" width="${one(label.length * 6.7 + 8)}" height="16" rx="3" fill="#ffffff" fill-opacity="0.88"/>`,
    text(labelX, labelY, label, `font-size="11" font-weight="600" fill="${dark}"`),
    '</g>',
  ]
    .filter(Boolean)
    .join('\n');
}

/** The whole picture, as the text of an SVG file. */
export function drawOutcomes(outcomes: readonly Outcome[]): string {
  const rows = Math.ceil(outcomes.length / columns);
  const width = 2 * page.margin + columns * panel.width + (columns - 1) * gap.x;
  const height = page.head + page.margin + rows * panel.height + (rows - 1) * gap.y;
  const panels = outcomes.map((outcome, index) =>
    drawPanel(
      outcome,
      page.margin + (index % columns) * (panel.width + gap.x),
      page.head + Math.floor(index / columns) * (panel.height + gap.y),
    ),
  );
  let x = page.margin + 96;
  const seen = layers.filter(({ value }) => outcomes.some(({ seconds }) => seconds.some((second) => value(second) > 0)));
  const keys = seen.map(({ label, colour }) => {
    const key = `<rect x="${x}" y="45" width="12" height="12" rx="2" fill="${colour}"/>${text(x + 18, 55, label, `font-size="11" fill="${dark}"`)}`;
    x += 42 + label.length * 6.1;
    return key;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" role="img" aria-label="Requests served and refused in each second of six simulated loads">`,
    `<rect width="${width}" height="${height}" fill="#f6f8fa"/>`,
    text(
      page.margin,
      30,
      'Requests in each second: what was asked, served and refused',
      `font-size="16" font-weight="600" fill="${dark}"`,
    ),
    `<line x1="${page.margin}" x2="${page.margin + 26}" y1="51" y2="51" stroke="${dark}" stroke-width="1.2" stroke-dasharray="4 2.5"/>`,
    text(page.margin + 32, 55, 'asked', `font-size="11" fill="${dark}"`),
    ...keys,
    ...panels,
    '</svg>',
  ].join('\n')}\n`;
}
