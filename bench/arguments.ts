import { parseArgs } from 'node:util';

export const COMMANDS = ['throughput', 'growth', 'profile', 'allocations', 'memory'] as const;
export type Command = (typeof COMMANDS)[number];

/** What one run does. */
export type BenchOptions = {
  readonly commands: readonly Command[];
  readonly rounds: number;
  /** Of one measurement, after its warm-up. */
  readonly seconds: number;
  /** Which rows or curves: those whose id matches; all where it is left out. */
  readonly rows?: RegExp;
  readonly soakMinutes: number;
  /** The most members, and the most rooms, of the growth curves. */
  readonly most: number;
  /** Whether `docs/performance.md` and its charts get the results. */
  readonly write: boolean;
};

/** @throws {TypeError} for an argument that is not understood */
export function benchOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      rows: { type: 'string' },
      'soak-minutes': { type: 'string' },
      most: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { quick, rows, write } = values;
  if (write && rows !== undefined) throw new TypeError('--write needs every row: leave --rows out');
  return {
    commands: commandsOf(positionals),
    rounds: wholeNumber('--rounds', values.rounds, quick ? 1 : 7),
    seconds: wholeNumber('--seconds', values.seconds, quick ? 1 : 5),
    ...(rows === undefined ? {} : { rows: new RegExp(rows) }),
    soakMinutes: wholeNumber('--soak-minutes', values['soak-minutes'], quick ? 1 : 10),
    most: wholeNumber('--most', values.most, quick ? 10_000 : 1_000_000),
    write,
  };
}

function commandsOf(positionals: readonly string[]): readonly Command[] {
  const [name = 'throughput', ...more] = positionals;
  if (name === 'all' && more.length === 0) return COMMANDS;
  const command = COMMANDS.find((each) => each === name);
  if (command === undefined || more.length > 0) {
    throw new TypeError(
      `npm run bench -- takes one of ${COMMANDS.join(', ')}, all; not ${positionals.join(' ')}`,
    );
  }
  return [command];
}

function wholeNumber(option: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new TypeError(`${option} must be a whole number from 1 on`);
  }
  return value;
}
