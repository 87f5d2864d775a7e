/** Reads and writes Postgres text[] values without asking the server for its types at connect time. */

export function writeTextArray(list: readonly string[]): string {
  return `{${list.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Parses a one-dimensional text[] as Postgres prints it. */
export function readTextArray(text: string): string[] {
  const list: string[] = [];
  const element = /"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gs;
  for (const [, quoted, bare] of text.slice(1, -1).matchAll(element)) list.push(quoted?.replace(/\\(.)/gs, '$1') ?? bare ?? '');
  return list;
}
