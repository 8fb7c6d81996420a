import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { type OpenDatabase, sqliteDriver } from './open-sqlite.ts';
import { createMissingRooms } from './rooms.ts';
import { endWith } from './serve.ts';

type OpenRooms = { readonly database: OpenDatabase; readonly storage: SqliteStorage };

/** Opens the database, with all of the demo's rooms in it. Ends the process with a one-line message if it cannot. */
export async function openRooms(path: string): Promise<OpenRooms> {
  const { DatabaseSync } = await sqliteDriver().catch(() =>
    endWith('Node has no SQLite driver before 22.13. Install one: npm install @photostructure/sqlite@^1.2.1'),
  );
  try {
    // SQLite would open a file that it cannot write to, and refuse the first invite.
    if (existsSync(path)) accessSync(path, constants.W_OK);
    const database = new DatabaseSync(path);
    const storage = new SqliteStorage(database);
    await storage.migrate();
    await createMissingRooms(storage);
    return { database, storage };
  } catch (error) {
    endWith(`The database "${path}" cannot be used: ${reasonOf(path, error as Error)}`);
  }
}

/** SQLite says "unable to open database file" for every path that it cannot open. */
function reasonOf(path: string, { message }: Error): string {
  const folder = dirname(path);
  const isUrl = path.startsWith('file:');
  if (isFolder(path)) return 'it is a folder. Set DATABASE to the path of a file';
  if (!isUrl && !isFolder(folder)) return `there is no folder "${folder}"`;
  return message.replace(/^(?:SQLite|Failed to open database): /, '');
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
