/** Lays answers out for people: lists of facts and tables in plain text. */

type Cell = string | number | boolean | null | undefined | readonly string[] | Date;

/** A value as a person reads it. */
function write(cell: Cell): string {
  if (cell === null || cell === undefined) return '–';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (Array.isArray(cell)) return cell.length === 0 ? '–' : cell.join(', ');
  return cell === '' ? '–' : String(cell);
}

/** What surrounds a result when it is shown. */
export interface Around {
  readonly stage: string;
  /** Commands in a text, as whoever reads it would type them for this stage. */
  advise(text: string): string;
}

/** Columns of a line; the longest that is easily read. */
const longestLine = 160;

/** Breaks what is longer than a line at its blanks. @param indent of the lines that follow */
export function wrap(text: string, indent = 0): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, indent))
    .join('\n');
}

/** The same of an error that lists what is allowed; any other stays a line, as commands in it are copied and whole errors are searched for. */
export function wrapList(error: string): string {
  return error.length > 3 * longestLine ? wrap(error, 2) : error;
}

function wrapLine(text: string, indent: number): string {
  // Beside wide columns there is at least this much room.
  const longest = Math.max(longestLine, indent + 40);
  if (text.length <= longest) return text;
  const [start = ''] = /^\s*/.exec(text) ?? [];
  const lines: string[] = [];
  let line = start;
  for (const word of text.trim().split(' ')) {
    const longer = line.trim() === '' ? line + word : `${line} ${word}`;
    if (longer.length > longest && line.trim() !== '') {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/** One fact a line, values aligned. */
export function facts(rows: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, cell]) => wrap(`${name.padEnd(width)}  ${write(cell)}`, width + 2)).join('\n');
}

/** A table with a heading; the last column keeps its own width, and goes on below itself where the line would be too long. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map(write))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  return lines
    .map((line) =>
      wrap(
        line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
        indent,
      ),
    )
    .join('\n');
}

/** An instant without fractions, in UTC. */
export function instant(text: string | null | undefined): string {
  return text ? `${text.slice(0, 19).replace('T', ' ')} UTC` : '–';
}

/** Bytes in the unit that fits them. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 1024 ** at).toFixed(at === 0 ? 0 : 1)} ${units[at]}`;
}

// biome-ignore lint/suspicious/noExplicitAny: members of results are as their tables say
type Values = Record<string, any>;

/** The members that have a value. */
export const presentMembers = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** What ended with a client or an account. @param names of the members that say whose it was */
export const showEnding = (names: readonly string[], values: Values) =>
  facts([
    ...names.map((name) => [name, values[name]] as const),
    ['disabled at', instant(values.disabled_at)],
    ...(values.ended_sessions === undefined ? [] : [['sessions ended', values.ended_sessions] as const]),
    ['token families revoked', values.revoked_families],
    ['access tokens revoked', values.revoked_access_tokens],
  ]);
