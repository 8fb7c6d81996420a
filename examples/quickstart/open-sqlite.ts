type Value = string | number | null;

/** What the drivers have in common. Whoever opened a connection closes it. */
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

/** Opens an SQLite file with Node's own driver (Node 22.13 and later), or else with one from npm. */
export async function openSqlite(path: string): Promise<OpenDatabase> {
  const { DatabaseSync }: Driver = nodeSqlite() ?? (await import('@photostructure/sqlite'));
  return new DatabaseSync(path);
}

function nodeSqlite(): Driver | undefined {
  // Node 22 prints a warning when the module is loaded, since it was experimental there. What is used of it here
  // is the same in later releases, and a warning would be the first thing that readers see.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite') as Driver | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
