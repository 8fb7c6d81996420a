type Value = string | number | null;

/** The methods that both drivers share. */
export type OpenDatabase = {
  exec(sql: string): void;
  prepare(sql: string): {
    get(...values: Value[]): unknown;
    all(...values: Value[]): unknown[];
    run(...values: Value[]): { lastInsertRowid: number | bigint };
  };
  close(): void;
};

type Driver = { readonly DatabaseSync: new (path: string) => OpenDatabase };

/** Returns Node's own SQLite driver (Node 22.13 or later) or the one from npm. Rejects if there is none. */
export async function sqliteDriver(): Promise<Driver> {
  return nodeSqlite() ?? (await import('@photostructure/sqlite'));
}

function nodeSqlite(): Driver | undefined {
  // Node 22 prints a warning when it loads the module, because it was experimental there. The methods used here did
  // not change in later releases, so the warning would only distract.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite') as Driver | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
