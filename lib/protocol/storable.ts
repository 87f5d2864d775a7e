/** Decides whether the store can keep a JSON value: Postgres's jsonb holds neither NUL nor half a surrogate pair, and no endless nesting. */

/** @param depth levels of objects and lists that are allowed */
export function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.entries(value).every(([name, member]) => isStorable(name, 0) && isStorable(member, depth - 1));
}
