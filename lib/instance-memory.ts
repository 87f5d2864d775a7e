/** The memory of RDS's instance classes, by AWS's naming rule. */

const gibOfLarge: Readonly<Record<string, number>> = { t: 8, m: 8, r: 16, x: 32 };
const partOfLarge: Readonly<Record<string, number>> = { micro: 1 / 8, small: 1 / 4, medium: 1 / 2, large: 1, xlarge: 2 };

/** Memory of an RDS instance class in bytes, by AWS's naming rule. @throws {Error} for a class that does not follow it */
export function memoryBytes(instanceClass: string): number {
  const [, family = '', times = '', size = ''] = /^db\.([a-z])\w+\.(\d*)(\w+)$/.exec(instanceClass) ?? [];
  const gib = (gibOfLarge[family] ?? 0) * (times === '' ? (partOfLarge[size] ?? 0) : 2 * Number(times));
  if (gib === 0) throw new Error(`the memory of ${instanceClass} is not known; add its family to lib/instance-memory.ts`);
  return gib * 1024 ** 3;
}
