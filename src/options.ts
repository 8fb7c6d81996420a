/** How an option is checked: `expects` completes the sentence "option x must be …". */
export type OptionCheck = {
  readonly expects: string;
  readonly required?: boolean;
  accepts(value: unknown): boolean;
};

/** A check for every option of a type: the compiler refuses a table that lacks one. */
export type OptionChecks<Options> = { readonly [Name in keyof Required<Options>]: OptionCheck };

/**
 * Checks options when something is made of them, so that a misspelt name shows at the start and not at the first
 * request. An option that is `undefined` counts as left out.
 *
 * @throws {TypeError} for an unknown option (naming the allowed ones), a missing or an ill-typed one
 */
export function checkOptions<Options extends object>(
  what: string,
  options: unknown,
  checks: OptionChecks<Options>,
): asserts options is Options {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${what} takes an object of options`);
  }
  const given = options as Record<string, unknown>;
  const table = checks as Record<string, OptionCheck>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new TypeError(`${what}: unknown option "${name}"; allowed are ${Object.keys(table).join(', ')}`);
    }
  }
  for (const [name, check] of Object.entries(table)) {
    const value = given[name];
    if (value === undefined) {
      if (check.required) throw new TypeError(`${what}: option "${name}" is required: ${check.expects}`);
    } else if (!check.accepts(value)) {
      throw new TypeError(`${what}: option "${name}" must be ${check.expects}`);
    }
  }
}

/** An option that is a function. */
export const functionOption: OptionCheck = {
  expects: 'a function',
  accepts: (value) => typeof value === 'function',
};

/** An option that is true or false. */
export const booleanOption: OptionCheck = {
  expects: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** An option that is a text. */
export const textOption: OptionCheck = {
  expects: 'a text',
  accepts: (value) => typeof value === 'string',
};

/** An option that is a whole number from 1 on; `unit` is named to who gets it wrong. */
export function countOption(unit: string): OptionCheck {
  return {
    // Longer than this, Node's timers fire at once.
    expects: `a whole number of ${unit} from 1 to 2147483647`,
    accepts: (value) =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 2_147_483_647,
  };
}

/** Whether a value has all of these methods. */
export function hasMethods(value: unknown, ...names: string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

/** An option that is a logger. */
export const loggerOption: OptionCheck = {
  expects: 'a logger with debug, info, warn and error, such as pino',
  accepts: (value) => hasMethods(value, 'debug', 'info', 'warn', 'error'),
};
