import { inspect } from 'node:util';
import { loggableDetails } from './loggable.ts';
import { isError } from './thrown.ts';

/**
 * Returns an error for a log line without some secrets, in whatever case they are quoted. An error that has none of them
 * is returned as it is; any other becomes one whose stack shows the original with its causes.
 */
export function redacted(thrown: unknown, secrets: readonly string[]): unknown {
  const { err } = loggableDetails({ err: thrown }) as { readonly err: unknown };
  const text = typeof err === 'string' ? err : inspect(err, { depth: 10 });
  const pattern = new RegExp(secrets.map(escaped).join('|'), 'giu');
  const hide = (quoted: string) => quoted.replace(pattern, '…');
  if (hide(text) === text) return thrown;
  if (!isError(err)) return hide(text);
  const copy = new Error(hide(err.message));
  for (const [field, value] of Object.entries({ name: hide(err.name), stack: hide(text) })) {
    Object.defineProperty(copy, field, { value, configurable: true, writable: true });
  }
  return copy;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
