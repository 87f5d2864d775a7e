/** Refuses options of which exactly one, or at most one, goes. */
import { CliFailure } from './exit-codes.ts';

/** @param options each by its name, as it was given @throws {CliFailure} usage, where none or several are */
export function chooseOne(options: Readonly<Record<string, unknown>>): void {
  if (atMostOne(options) === 0) throw new CliFailure('usage', `say one of ${Object.keys(options).join(', ')}`);
}

/** @returns how many are given @throws {CliFailure} usage, where several are */
export function atMostOne(options: Readonly<Record<string, unknown>>): number {
  const given = Object.keys(options).filter((name) => options[name] !== undefined);
  if (given.length > 1) throw new CliFailure('usage', `${given.join(' and ')} do not go together: say one of them`);
  return given.length;
}
