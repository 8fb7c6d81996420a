import { RE2JS } from 're2js';
import type { AppServiceNamespace } from './registration.ts';

/** The most UTF-16 units that an expression may have: to compile one of them takes a second at worst. */
const MAX_EXPRESSION_LENGTH = 1000;

/**
 * The most instructions that a registration's expressions may compile to, all together. To match a user id takes
 * as many steps as it has characters, for each of them.
 */
const MAX_PROGRAM_SIZE = 3000;

/**
 * The users of a registration. Its expressions are matched by RE2's algorithm, in linear time, since the author of
 * a bridge may write any: one that backtracks would hold the process up.
 */
export class UserNamespaces {
  readonly #expressions: readonly RE2JS[];

  /**
   * @param what names the registration in messages
   * @throws {TypeError} for an expression that is too long or not in RE2's syntax, and when they are too large together
   */
  constructor(what: string, namespaces: readonly AppServiceNamespace[]) {
    let programSize = 0;
    this.#expressions = namespaces.map(({ regex }) => {
      const expression = compile(what, regex);
      programSize += expression.programSize();
      if (programSize <= MAX_PROGRAM_SIZE) return expression;
      throw new TypeError(
        `${what}: the expressions of "namespaces.users" make more than ${MAX_PROGRAM_SIZE} instructions, ` +
          `from ${quoted(regex)} on`,
      );
    });
  }

  /**
   * Whether one of the expressions matches the whole user id. A part would not do: `@irc_.*:example\.org` is a part
   * of `@mallory@irc_x:example.org`, and `@bot` of `@bothersome:example.org`.
   */
  include(userId: string): boolean {
    return this.#expressions.some((expression) => expression.testExact(userId));
  }
}

function compile(what: string, regex: string): RE2JS {
  if (regex.length > MAX_EXPRESSION_LENGTH) {
    throw new TypeError(
      `${what}: an expression of "namespaces.users" is longer than ${MAX_EXPRESSION_LENGTH}: ${quoted(regex)}`,
    );
  }
  try {
    return RE2JS.compile(regex);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${what}: no expression of RE2 in "namespaces.users": ${quoted(regex)}: ${why}`, {
      cause,
    });
  }
}

function quoted(regex: string): string {
  return JSON.stringify(regex.length > 100 ? `${regex.slice(0, 100)}…` : regex);
}
