import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installedCommand } from '../../servers/debian-package.ts';
import { postgresOf } from '../harness/store.ts';
import type { Testbed } from '../harness/testbed.ts';

const run = promisify(execFile);

/** Returns PostgreSQL's commits per second: pgbench with 32 clients, each inserting one narrow row per transaction. */
export async function pgbenchInserts(testbed: Testbed, seconds: number): Promise<number> {
  const { pool, connection } = postgresOf(testbed);
  await pool.query('DROP TABLE IF EXISTS narrow');
  await pool.query('CREATE TABLE narrow (id bigserial PRIMARY KEY, room text, body text)');
  const script = join(testbed.folder, 'insert.sql');
  await writeFile(script, `INSERT INTO narrow (room, body) VALUES ('a room', 'x');\n`);
  const pgbench = await installedCommand('pgbench', 'postgresql');
  const { stdout } = await run(pgbench, [
    ...['--no-vacuum', '--protocol', 'prepared', '--client', '32', '--jobs', '2'],
    ...['--time', String(seconds), '--file', script],
    ...['--host', '127.0.0.1', '--port', String(connection.port), '--username', 'postgres', 'postgres'],
  ]);
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined) throw new Error(`pgbench printed no result: ${stdout}`);
  return Number(tps);
}
