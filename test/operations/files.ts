import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the files under test, with a trailing slash. */
export const FOLDER: string = fileURLToPath(new URL('../../examples/operations/', import.meta.url));

export function read(name: string): string {
  return readFileSync(FOLDER + name, 'utf8');
}

/**
 * Replaces strings that a test cannot use as they are, such as ports that may be taken.
 *
 * @throws {Error} if a string is missing: the file has changed
 */
export function replaced(text: string, replacements: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [from, to] of Object.entries(replacements)) {
    if (!result.includes(from)) throw new Error(`"${from}" is missing`);
    result = result.replaceAll(from, to);
  }
  return result;
}
