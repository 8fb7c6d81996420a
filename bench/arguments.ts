import { parseArgs } from 'node:util';

/** The commands of `all`, in order. */
export const COMMANDS = [
  'throughput',
  'growth',
  'profile',
  'allocations',
  'memory',
  'timing',
  'start',
  'federation',
] as const;
export type Command = (typeof COMMANDS)[number] | 'peers' | 'versus';

/** The options of one run. */
export type BenchOptions = {
  readonly commands: readonly Command[];
  /** The commit that `versus` compares with, as git names it. */
  readonly ref?: string;
  readonly rounds: number;
  /** The duration of one measurement, after its warm-up. */
  readonly seconds: number;
  /** Measures only the rows or curves whose ID matches. Default: all. */
  readonly rows?: RegExp;
  readonly soakMinutes: number;
  /** The maximum number of members and of rooms in the growth curves. */
  readonly most: number;
  /** Whether to write the results into `docs/performance.md` and its charts. */
  readonly write: boolean;
};

/** @throws {TypeError} for an unknown or invalid argument */
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
  if (write && rows !== undefined)
    throw new TypeError('--write needs every row, so it cannot be combined with --rows');
  return {
    ...commandsOf(positionals),
    rounds: integer('--rounds', values.rounds, quick ? 1 : 7),
    seconds: integer('--seconds', values.seconds, quick ? 1 : 5),
    ...(rows === undefined ? {} : { rows: new RegExp(rows) }),
    soakMinutes: integer('--soak-minutes', values['soak-minutes'], quick ? 1 : 10),
    most: integer('--most', values.most, quick ? 10_000 : 1_000_000),
    write,
  };
}

function commandsOf(positionals: readonly string[]): Pick<BenchOptions, 'commands' | 'ref'> {
  const [name = 'throughput', ...more] = positionals;
  const [ref] = more;
  if (name === 'versus' && ref !== undefined && more.length === 1) return { commands: ['versus'], ref };
  if (name === 'peers' && more.length === 0) return { commands: ['peers'] };
  if (name === 'all' && more.length === 0) return { commands: COMMANDS };
  const command = COMMANDS.find((each) => each === name);
  if (command === undefined || more.length > 0) {
    throw new TypeError(
      `npm run bench takes one command, ${COMMANDS.join(', ')}, all, peers or versus REF, not: ${positionals.join(' ')}`,
    );
  }
  return { commands: [command] };
}

function integer(option: string, text: string | undefined, defaultValue: number): number {
  const value = text === undefined ? defaultValue : Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new TypeError(`${option} must be an integer, at least 1`);
  }
  return value;
}
