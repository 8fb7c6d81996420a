import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CannotStart } from '../app/config.ts';

/** Debian keeps PostgreSQL's programs here, in one folder per version. They are not on the PATH. */
const POSTGRES_VERSIONS = '/usr/lib/postgresql';

export type PostgresPrograms = { readonly postgres: string; readonly initdb: string };

/** @throws {CannotStart} with the package to install */
export async function findPostgres(versions = POSTGRES_VERSIONS): Promise<PostgresPrograms> {
  const numbers = (await readdir(versions).catch(() => [])).map(Number).filter(Number.isInteger);
  const newestFirst = numbers.sort((one, other) => other - one);
  for (const folder of [
    ...pathFolders(),
    ...newestFirst.map((number) => join(versions, `${number}`, 'bin')),
  ]) {
    const programs = { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
    if ((await isProgram(programs.postgres)) && (await isProgram(programs.initdb))) return programs;
  }
  throw notInstalled('PostgreSQL', 'DATABASE_URL', 'postgresql');
}

/** @throws {CannotStart} with the package to install */
export async function findRedis(): Promise<string> {
  for (const folder of pathFolders()) {
    const program = join(folder, 'redis-server');
    if (await isProgram(program)) return program;
  }
  throw notInstalled('Redis', 'REDIS_URL', 'redis-server');
}

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function notInstalled(server: string, variable: string, debianPackage: string): CannotStart {
  return new CannotStart(
    `${server} is not installed. Set ${variable} to a running server, or install it: ` +
      `sudo apt-get update && sudo apt-get install -y ${debianPackage}`,
  );
}
