/** Selects several row types in one statement: columns are prefixed in SQL and nested again in JavaScript. */
import type { Database } from './database.ts';

/** `alias.column as "name.column"` for each column, as a fragment of a statement. */
export function selectAs(db: Database, alias: string, name: string, columns: readonly string[]) {
  return db.sql.unsafe(columns.map((column) => `${alias}.${column} as "${name}.${column}"`).join(', '));
}

/** Where a column goes: the names are those of our own statements, so there are few. */
const places = new Map<string, readonly [name: string, member: string] | null>();

function placeOf(path: string): readonly [name: string, member: string] | null {
  let place = places.get(path);
  if (place === undefined) {
    const dot = path.indexOf('.');
    place = dot < 0 ? null : [path.slice(0, dot), path.slice(dot + 1)];
    places.set(path, place);
  }
  return place;
}

/**
 * Splits a row by the prefixes of its columns; a name whose key column is null had no row.
 * @param keys for each name the column that is never null in a row of its own
 */
export function nest(
  row: Record<string, unknown>,
  keys: Readonly<Record<string, string>>,
): Record<string, Record<string, unknown> | undefined> {
  const nested: Record<string, Record<string, unknown> | undefined> = {};
  for (const path in row) {
    const place = placeOf(path);
    if (!place) continue;
    nested[place[0]] ??= {};
    (nested[place[0]] as Record<string, unknown>)[place[1]] = row[path];
  }
  for (const [name, key] of Object.entries(keys)) if (nested[name]?.[key] === null) nested[name] = undefined;
  return nested;
}
