/** The tables of docs/costs.md. */
import { synthesise, type Templates } from '../../test/infra/templates.ts';
import { type Measured, readMeasured, requestKinds } from '../figures/measured.ts';
import { type Charge, computeIdle, sum } from './idle.ts';
import { prices } from './prices.ts';
import { billedMs, computeMetrics, computeUse, memoryOf, millionAMonth, perMillion } from './use.ts';

/** The deployed stages, and production with everything that the table of stages allows. */
const shown = { dev: 'dev', staging: 'staging', production: 'production', complete: 'production, domain and edge' } as const;

/** Requests in a second of a busy month. */
const busy = 100;

const money = (dollars: number) => (dollars === 0 ? '' : dollars.toFixed(2));

/** A table whose first column is text and whose others are figures. */
export function figureTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = headings.map((_, index) => (index === 0 ? '---' : '---:'));
  return [headings, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A row for each item, a column for each list of charges, and the totals. */
function compare(headings: readonly string[], columns: readonly (readonly Charge[])[]): string {
  const items = [...new Set(columns.flat().map(({ item }) => item))];
  const rows = items.map((item) => [
    item,
    ...columns.map((column) => money(sum(column.filter((charge) => charge.item === item)))),
  ]);
  return figureTable(headings, [...rows, ['**Total**', ...columns.map((column) => `**${money(sum(column))}**`)]]);
}

const ofStages = <T>(make: (templates: Templates) => T): Promise<T[]> =>
  Promise.all(Object.keys(shown).map(async (name) => make(await synthesise(name))));

export async function renderIdle(): Promise<string> {
  return compare(['$ a month, idle', ...Object.values(shown)], await ofStages(computeIdle));
}

export async function renderMetrics(): Promise<string> {
  const measured = readMeasured();
  return compare(
    ['$ a month, once every route is used', ...Object.values(shown)],
    await ofStages((templates) => computeMetrics(templates, measured)),
  );
}

/** A million `client_credentials` requests, item by item. */
export async function renderUse(): Promise<string> {
  const measured = readMeasured();
  const [production, complete] = [await synthesise('production'), await synthesise('complete')];
  const column = (templates: Templates, perSecond: number) => computeUse(templates, measured, 'client_credentials', perSecond);
  return compare(
    [
      '$ a million `client_credentials` requests',
      'production, a million a month',
      `production, ${busy} a second`,
      `with edge, ${busy} a second`,
    ],
    [column(production, millionAMonth), column(production, busy), column(complete, busy)],
  );
}

/** Each kind of request, in production. */
export async function renderKinds(): Promise<string> {
  const measured = readMeasured();
  const templates = await synthesise('production');
  return figureTable(
    [
      'Request',
      'CPU ms measured',
      'ms billed',
      'log bytes',
      '$ a million at a million a month',
      `$ a million at ${busy} a second`,
    ],
    requestKinds.map((kind) => [
      kind.replace('_', ' '),
      String(measured.requests[kind].cpu_ms),
      String(billedMs(measured, kind, memoryOf(templates, kind))),
      String(measured.requests[kind].log_bytes),
      money(perMillion(templates, measured, kind, millionAMonth)),
      money(perMillion(templates, measured, kind, busy)),
    ]),
  );
}

/** Every price that is used. */
export function renderPrices(): string {
  const amount = (dollars: number) => (dollars < 0.01 ? `${Number((dollars * 1e6).toPrecision(8))} a million` : String(dollars));
  return figureTable(
    ['$', 'Unit', 'Listed at aws.amazon.com/'],
    Object.values(prices).map(({ dollars, unit, source }) => [amount(dollars), unit, source]),
  );
}

/** What the figures of the requests were measured on. */
export function renderMeasured({ date, bench_date, machine }: Measured = readMeasured()): string {
  return `Measured on ${date} (the functions' processor time on ${bench_date}) on ${machine}.`;
}
