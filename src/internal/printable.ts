import { inspect } from 'node:util';

/** Control and format characters (bidirectional controls, zero-width characters), line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Escapes what a terminal or an editor would act on instead of showing: control characters such as ESC and newlines,
 * bidirectional controls, zero-width characters, line separators and lone surrogates. Matrix IDs may contain all of
 * them, so use it for IDs and other text from users in output for people, such as that of `console.log`. The result is
 * always one line, with escapes as in JSON: `\n`, `\u001b`.
 *
 * ```ts
 * onInvite: ({ event }) => console.log(printable(`${event.sender} invited ${event.state_key}`)),
 * ```
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/**
 * Shows the details of a log line as `console` does, printably. A newline stays one, because stacks have them, but
 * every line after the first starts with a space or `}`, so none can be taken for another log line.
 */
export function printableDetails(details: object): string {
  return inspect(details).split('\n').map(printable).join('\n');
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return SHORT[character] ?? units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
