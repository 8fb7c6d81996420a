import { CannotStart } from './cannot-start.ts';

type Range = { readonly min: number; readonly max: number };

/**
 * A number of the environment.
 *
 * @throws {CannotStart} for one that is none, or out of the range
 */
export function wholeNumber(variable: string, byDefault: number, { min, max }: Range): number {
  const text = process.env[variable] || `${byDefault}`;
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new CannotStart(`${variable} must be a whole number from ${min} to ${max}, not "${text}"`);
}
