import { Readable } from 'node:stream';
import { isThenable } from './unawaited.ts';

/** A check of one option. `expects` completes the sentence `option "x" must be …`. */
export type OptionCheck = {
  readonly expects: string;
  readonly required?: boolean;
  accepts(value: unknown): boolean;
};

/** A check for every option of a type: the compiler rejects a table that lacks one. */
export type OptionChecks<Options> = { readonly [Name in keyof Required<Options>]: OptionCheck };

/**
 * Checks options at construction, so that a misspelled name fails at startup and not at the first request. An option
 * set to `undefined` counts as omitted.
 *
 * @returns a copy. Its functions keep the original object as `this`, so that it may be an instance of a class.
 * @throws {TypeError} for an unknown option (the message lists the allowed ones), a missing option, or one of the wrong
 *   type
 */
export function checkOptions<Options extends object>(
  what: string,
  options: unknown,
  checks: OptionChecks<Options>,
): Options {
  if (options instanceof Readable) {
    throw new TypeError(`${what}: called with a request: write app.use(${what}()), not app.use(${what})`);
  }
  if (!isOptionsObject(options)) {
    throw new TypeError(`${what}: options must be an object, not a list, a Map or a promise`);
  }
  const given = options as Record<string, unknown>;
  const table = checks as Record<string, OptionCheck>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new TypeError(`${what}: unknown option "${name}"; allowed: ${Object.keys(table).join(', ')}`);
    }
  }
  const copy: Record<string, unknown> = {};
  for (const [name, check] of Object.entries(table)) {
    const value = given[name];
    if (value !== undefined) copy[name] = typeof value === 'function' ? value.bind(given) : value;
    if (value === undefined) {
      if (check.required) throw new TypeError(`${what}: option "${name}" is required: ${check.expects}`);
    } else if (!check.accepts(value)) {
      throw new TypeError(`${what}: option "${name}" must be ${check.expects}`);
    }
  }
  return copy as Options;
}

/** A list, a Map or a promise has none of the options as properties: all of them would silently have their defaults. */
export function isOptionsObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value) && !isThenable(value);
}

export const functionOption: OptionCheck = {
  expects: 'a function',
  accepts: (value) => typeof value === 'function',
};

export const booleanOption: OptionCheck = {
  expects: 'a boolean',
  accepts: (value) => typeof value === 'boolean',
};

export const stringOption: OptionCheck = {
  expects: 'a string',
  accepts: (value) => typeof value === 'string',
};

export const nonEmptyStringOption: OptionCheck = {
  expects: 'a non-empty string',
  accepts: isNonEmptyString,
};

/** The longest delay of Node's timers, in milliseconds. With a longer one, they fire at once. */
const MAX_INTEGER = 2_147_483_647;

/**
 * An option that is an integer.
 *
 * @param unit the unit, for the error message: `milliseconds`, `bytes`
 * @param minimum 0 or 1 (default 1)
 * @param maximum default: the longest delay of a timer
 */
export function integerOption(unit: string, minimum = 1, maximum = MAX_INTEGER): OptionCheck {
  return {
    expects: `an integer number of ${unit}, from ${minimum} to ${maximum}`,
    accepts: (value) =>
      Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  };
}

/** An option that is one of a few strings. */
export function oneOf(...choices: readonly [string, string, ...string[]]): OptionCheck {
  const quoted = choices.map((choice) => `"${choice}"`);
  return {
    expects: `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    accepts: (value) => (choices as readonly unknown[]).includes(value),
  };
}

export const loggerOption: OptionCheck = {
  expects: 'a logger with debug, info, warn and error, such as pino',
  accepts: (value) => hasMethods(value, 'debug', 'info', 'warn', 'error'),
};

export function isNonEmptyString(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Returns true if the value is an object that has all of these methods. */
export function hasMethods(value: unknown, ...names: string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

/** Returns true if an adapter may send secrets to the URL: it is an `https:` URL, or the host app allows `http:`. */
export function isSecureUrl({ protocol }: URL, allowInsecureHttp: boolean | undefined): boolean {
  return protocol === 'https:' || (protocol === 'http:' && allowInsecureHttp === true);
}
