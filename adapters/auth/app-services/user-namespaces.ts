import * as re2js from 're2js';
import { checkDriver } from '../../../src/internal/driver.ts';

const { RE2JS } = checkDriver('auth/app-services', 're2js', re2js, ['RE2JS']);

/**
 * The maximum length of an expression, in UTF-16 units. Compiling one of this length takes a second at worst.
 */
const MAX_EXPRESSION_LENGTH = 1000;

/**
 * The maximum number of instructions of all compiled expressions of a registration. Matching a user ID takes
 * one step for each of its characters and each instruction.
 */
const MAX_PROGRAM_SIZE = 3000;

/**
 * The user namespaces of a registration. RE2 matches their expressions in linear time. Bridge authors can
 * write any expression, and one that backtracks would block the process.
 */
export class UserNamespaces {
  readonly #expressions: readonly re2js.RE2JS[];

  /**
   * @param what the registration, for error messages
   * @throws {TypeError} for an expression that is too long or not valid in RE2, or if all of them together
   *   are too large
   */
  constructor(what: string, expressions: readonly string[]) {
    let programSize = 0;
    this.#expressions = expressions.map((regex) => {
      const expression = compile(what, regex);
      programSize += expression.programSize();
      if (programSize <= MAX_PROGRAM_SIZE) return expression;
      throw new TypeError(
        `${what}: the expressions in "namespaces.users" compile to more than ${MAX_PROGRAM_SIZE} instructions, ` +
          `at ${quoted(regex)}`,
      );
    });
  }

  /**
   * Returns true if an expression matches the whole user ID. Partial matches do not count:
   * `@irc_.*:example\.org` matches a part of `@mallory@irc_x:example.org`, and `@bot` a part of
   * `@bothersome:example.org`.
   */
  include(userId: string): boolean {
    return this.#expressions.some((expression) => expression.testExact(userId));
  }
}

function compile(what: string, regex: string): re2js.RE2JS {
  if (regex.length > MAX_EXPRESSION_LENGTH) {
    throw new TypeError(
      `${what}: an expression in "namespaces.users" has more than ${MAX_EXPRESSION_LENGTH} characters: ${quoted(regex)}`,
    );
  }
  try {
    return RE2JS.compile(regex);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `${what}: an expression in "namespaces.users" is not valid in RE2: ${quoted(regex)}: ${reason}`,
      { cause },
    );
  }
}

function quoted(regex: string): string {
  return JSON.stringify(regex.length > 100 ? `${regex.slice(0, 100)}…` : regex);
}
