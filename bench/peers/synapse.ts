import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../servers/free-port.ts';
import type { PostgresServer } from '../../servers/postgres-server.ts';
import { pythonEnvironment } from '../../servers/python-environment.ts';
import { APP_SERVICE, Homeserver, REGISTRATION_SECRET, SERVER_NAME } from './homeserver.ts';

const run = promisify(execFile);

const VERSION = '1.163.2';
const PACKAGES = [`matrix-synapse==${VERSION}`, 'psycopg2-binary==2.9.13'];

/** Starts Synapse from PyPI, in a virtual environment that later runs use again. */
export async function startSynapse(
  cache: string,
  folder: string,
  postgres: PostgresServer,
): Promise<Homeserver> {
  const python = await pythonEnvironment(join(cache, `synapse-${VERSION}`), PACKAGES);
  const port = await freePort();
  const pool = postgres.pool({ max: 1 });
  await pool.query('CREATE DATABASE synapse');
  await mkdir(folder);
  await writeFile(join(folder, 'app-service.yaml'), APP_SERVICE);
  await writeFile(join(folder, 'log.yaml'), 'version: 1\nroot: { level: ERROR }\n');
  // JSON is YAML.
  await writeFile(join(folder, 'homeserver.yaml'), JSON.stringify(configOf(folder, port, postgres)));
  const start = ['-m', 'synapse.app.homeserver', '--config-path', 'homeserver.yaml'];
  await run(python, [...start, '--generate-keys'], { cwd: folder });
  return Homeserver.start({ name: `Synapse ${VERSION}`, port, folder, command: [python, ...start] });
}

const NO_LIMIT = { per_second: 1e6, burst_count: 1e6 };

function configOf(folder: string, port: number, { connection }: PostgresServer): object {
  return {
    server_name: SERVER_NAME,
    report_stats: false,
    signing_key_path: join(folder, 'signing.key'),
    log_config: join(folder, 'log.yaml'),
    media_store_path: join(folder, 'media'),
    listeners: [{ port, type: 'http', bind_addresses: ['127.0.0.1'], resources: [{ names: ['client'] }] }],
    database: {
      name: 'psycopg2',
      args: {
        user: connection.user,
        host: connection.host,
        port: connection.port,
        dbname: 'synapse',
        cp_min: 5,
        cp_max: 20,
      },
    },
    registration_shared_secret: REGISTRATION_SECRET,
    app_service_config_files: [join(folder, 'app-service.yaml')],
    trusted_key_servers: [],
    presence: { enabled: false },
    rc_message: NO_LIMIT,
    rc_registration: NO_LIMIT,
    rc_login: { address: NO_LIMIT, account: NO_LIMIT, failed_attempts: NO_LIMIT },
    rc_joins: { local: NO_LIMIT, remote: NO_LIMIT },
    rc_joins_per_room: NO_LIMIT,
    rc_invites: { per_room: NO_LIMIT, per_user: NO_LIMIT, per_issuer: NO_LIMIT },
    rc_room_creation: NO_LIMIT,
  };
}
