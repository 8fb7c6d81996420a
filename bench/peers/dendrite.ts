import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../servers/free-port.ts';
import type { PostgresServer } from '../../servers/postgres-server.ts';
import { APP_SERVICE, Homeserver, REGISTRATION_SECRET, SERVER_NAME } from './homeserver.ts';

const run = promisify(execFile);

const MODULE = 'github.com/matrix-org/dendrite';
const VERSION = 'v0.13.8';

/** Starts Dendrite, built from Go's module proxy. Later runs use the same binary. */
export async function startDendrite(
  cache: string,
  folder: string,
  postgres: PostgresServer,
): Promise<Homeserver> {
  const binaries = await install(cache);
  const port = await freePort();
  const pool = postgres.pool({ max: 1 });
  await pool.query('CREATE DATABASE dendrite');
  await mkdir(folder);
  await writeFile(join(folder, 'app-service.yaml'), APP_SERVICE);
  // JSON is YAML.
  await writeFile(join(folder, 'dendrite.yaml'), JSON.stringify(configOf(folder, postgres)));
  await run(join(binaries, 'generate-keys'), ['--private-key', join(folder, 'matrix_key.pem')]);
  const options = ['--config', 'dendrite.yaml', '--http-bind-address', `127.0.0.1:${port}`];
  const command = [join(binaries, 'dendrite'), ...options] as const;
  return Homeserver.start({ name: `Dendrite ${VERSION.slice(1)}`, port, folder, command: [...command] });
}

/** Returns the folder of the binaries. */
async function install(cache: string): Promise<string> {
  const folder = join(cache, `dendrite-${VERSION}`);
  if (existsSync(folder)) return folder;
  console.log('Building Dendrite from the Go module proxy, which takes minutes');
  const work = `${folder}.${process.pid}`;
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'go.mod'), 'module bench\n\ngo 1.22\n');
  const options = { cwd: work, env: { ...process.env, GOFLAGS: '-mod=mod' } };
  await run('go', ['get', `${MODULE}@${VERSION}`], options);
  for (const name of ['dendrite', 'generate-keys']) {
    await run('go', ['build', '-o', name, `${MODULE}/cmd/${name}`], options);
  }
  await rename(work, folder);
  return folder;
}

function configOf(folder: string, { connection: { user, host, port } }: PostgresServer): object {
  return {
    version: 2,
    global: {
      server_name: SERVER_NAME,
      private_key: join(folder, 'matrix_key.pem'),
      disable_federation: true,
      database: {
        connection_string: `postgresql://${user}@${host}:${port}/dendrite?sslmode=disable`,
        max_open_conns: 32,
        max_idle_conns: 5,
      },
      jetstream: { storage_path: join(folder, 'jetstream'), topic_prefix: 'Bench' },
      presence: { enable_inbound: false, enable_outbound: false },
    },
    client_api: {
      registration_disabled: true,
      registration_shared_secret: REGISTRATION_SECRET,
      rate_limiting: { enabled: false },
    },
    app_service_api: { config_files: [join(folder, 'app-service.yaml')] },
    media_api: { base_path: join(folder, 'media') },
    sync_api: { search: { enabled: false } },
    logging: [{ type: 'std', level: 'fatal' }],
  };
}
