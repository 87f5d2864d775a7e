/** Reads a length of time as people write it: `30m`, `24h`, `7d`. */
import { CliFailure } from './exit-codes.ts';

const seconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** @returns seconds @throws {CliFailure} where it is none */
export function readDuration(option: string, text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new CliFailure('usage', `${option} is "${text}"; allowed: a number with s, m, h or d behind it, such as 30m or 24h`);
  return Number(amount) * seconds[unit as keyof typeof seconds];
}
