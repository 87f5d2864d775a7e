/** Words numbers for people. */

/** `1 access token`, `3 token families`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The same, or `the token families (too many to count in time)` where the count is null. */
export function perhapsCounted(count: number | null, one: string, many = `${one}s`): string {
  return count === null ? `the ${many} (too many to count in time)` : counted(count, one, many);
}

/** `2.3 MiB`, `21 MiB`. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`;
}
