import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import type { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import { eventually } from '../../servers/eventually.ts';
import { freePort } from '../../servers/free-port.ts';
import { isPdu, type Pdu, parseJson } from '../../src/pdu/index.ts';
import { fieldOf, isJsonObject } from '../../src/rooms/content.ts';
import type { JsonObject, JsonValue } from '../../src/rooms/event.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { pythonWithSynapse } from './python.ts';

/** A module of Synapse, loaded at its start, after which its federation API does not know some room versions. */
const FORGET_VERSIONS = `
from synapse.federation import federation_server as api

class Forget:
    def __init__(self, config, module_api):
        known = api.KNOWN_ROOM_VERSIONS
        api.KNOWN_ROOM_VERSIONS = {key: value for key, value in known.items() if key not in config["versions"]}
`;

const REGISTRATION_SECRET = 'registration';
const NO_LIMIT = { per_second: 1e6, burst_count: 1e6 };

/** A user of Synapse. */
export type SynapseUser = { readonly userId: string; readonly token: string };

/** Synapse on SQLite. Other servers reach it by TLS, through a proxy that can hold back what it sends. */
export class Synapse {
  readonly proxy: TcpProxy;
  /** Its server name, with the port of the proxy. */
  readonly name: string;
  readonly #folder: string;
  readonly #ports: { readonly tls: number; readonly plain: number };
  #process: ChildProcess | undefined;

  private constructor(folder: string, proxy: TcpProxy, plain: number) {
    this.#folder = folder;
    this.#ports = { tls: proxy.targetPort, plain };
    this.proxy = proxy;
    this.name = `127.0.0.1:${proxy.port}`;
    process.once('exit', this.#kill);
  }

  /** Installs Synapse if necessary, and starts it with an empty database. */
  static async start(ca: PrivateCa, config: object = {}): Promise<Synapse> {
    const folder = await mkdtemp(join(tmpdir(), 'invite-synapse-'));
    const synapse = new Synapse(folder, await TcpProxy.start(await freePort()), await freePort());
    const { cert, key } = await ca.issue('IP:127.0.0.1');
    const files = { 'ca.pem': ca.certificate, 'cert.pem': cert, 'key.pem': key };
    // JSON is YAML.
    const log = JSON.stringify({ version: 1, disable_existing_loggers: false, root: { level: 'ERROR' } });
    for (const [name, text] of Object.entries({ ...files, 'forget.py': FORGET_VERSIONS, 'log.yaml': log })) {
      await writeFile(join(folder, name), text);
    }
    await synapse.restart(config).catch(async (error: unknown) => {
      await synapse.close();
      throw error;
    });
    return synapse;
  }

  /** Kills Synapse, and starts it with a changed configuration and the same database. */
  async restart(config: object = {}): Promise<void> {
    await this.kill();
    await writeFile(join(this.#folder, 'homeserver.yaml'), JSON.stringify({ ...this.#config(), ...config }));
    const python = await pythonWithSynapse();
    const child = spawn(python, ['-m', 'synapse.app.homeserver', '--config-path', 'homeserver.yaml'], {
      cwd: this.#folder,
      env: { ...process.env, PYTHONPATH: this.#folder },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#process = child;
    await eventually('Synapse responds', async () => {
      if (child.exitCode !== null) throw new Error('Synapse has ended');
      return (await this.#ask('GET', '/_matrix/client/versions')).status === 200;
    });
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    this.#kill();
    await exited;
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill);
    await this.kill();
    await this.proxy.close();
    await rm(this.#folder, { recursive: true });
  }

  async register(localpart: string): Promise<SynapseUser> {
    const path = '/_synapse/admin/v1/register';
    const { nonce } = (await this.#ask('GET', path)).body;
    const mac = createHmac('sha1', REGISTRATION_SECRET)
      .update([nonce, localpart, 'password', 'notadmin'].join('\0'))
      .digest('hex');
    const body = { nonce: String(nonce), username: localpart, password: 'password', admin: false, mac };
    const { access_token } = (await this.#ask('POST', path, { body })).body;
    return { userId: `@${localpart}:${this.name}`, token: String(access_token) };
  }

  /** Sets account data of a user, in every room. */
  async setAccountData({ userId, token }: SynapseUser, type: string, content: JsonObject): Promise<void> {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(userId)}/account_data/${type}`;
    const { status } = await this.#ask('PUT', path, { token, body: content });
    if (status !== 200) throw new Error(`${type} was not set: ${status}`);
  }

  async decline({ token }: SynapseUser, roomId: string): Promise<void> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/leave`;
    const { status } = await this.#ask('POST', path, { token, body: {} });
    if (status !== 200) throw new Error(`The invite was not declined: ${status}`);
  }

  /** Returns what a user's `/sync` shows of the invites, by room ID. */
  async invitesOf({ token }: SynapseUser): Promise<Readonly<Record<string, JsonValue | undefined>>> {
    const { body } = await this.#ask('GET', '/_matrix/client/v3/sync', { token });
    const invites = Object.entries(fieldOf(body.rooms, 'invite') ?? {});
    return Object.fromEntries(
      invites.map(([roomId, room]) => [roomId, fieldOf(fieldOf(room, 'invite_state'), 'events')]),
    );
  }

  /** Returns the keys that it publishes, by their IDs. */
  async keys(): Promise<ReadonlyMap<string, string>> {
    const { verify_keys } = (await this.#ask('GET', '/_matrix/key/v2/server')).body;
    return new Map(Object.entries(verify_keys ?? {}).map(([id, key]) => [id, String(fieldOf(key, 'key'))]));
  }

  /** Returns the PDUs of a room that are in its database. */
  storedPdus(roomId: string, roomVersion: string): Pdu[] {
    const database = new DatabaseSync(join(this.#folder, 'homeserver.db'), { readOnly: true });
    try {
      const rows = database.prepare('SELECT json FROM event_json WHERE room_id = ?').all(roomId);
      return rows.map((row) => {
        const stored = parseJson(String((row as { json: unknown }).json));
        // The rest is what Synapse keeps for itself.
        if (!isJsonObject(stored)) throw new Error('no object');
        const { unsigned: _, ...pdu } = stored;
        if (!isPdu(pdu, roomVersion)) throw new Error(`no PDU: ${JSON.stringify(pdu)}`);
        return pdu;
      });
    } finally {
      database.close();
    }
  }

  async #ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    { token, body }: { readonly token?: string; readonly body?: JsonObject } = {},
  ): Promise<{ readonly status: number; readonly body: JsonObject }> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.plain}${path}`, {
      method,
      ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as JsonObject };
  }

  #config(): object {
    const { tls, plain } = this.#ports;
    const listener = { type: 'http', bind_addresses: ['127.0.0.1'] };
    return {
      server_name: this.name,
      report_stats: false,
      log_config: 'log.yaml',
      pid_file: 'homeserver.pid',
      enable_media_repo: false,
      database: { name: 'sqlite3', args: { database: 'homeserver.db' } },
      signing_key: `ed25519 a_synapse ${'A'.repeat(43)}`,
      macaroon_secret_key: 'secret',
      form_secret: 'secret',
      registration_shared_secret: REGISTRATION_SECRET,
      bcrypt_rounds: 4,
      tls_certificate_path: 'cert.pem',
      tls_private_key_path: 'key.pem',
      listeners: [
        { ...listener, port: tls, tls: true, resources: [{ names: ['federation'] }] },
        { ...listener, port: plain, resources: [{ names: ['client', 'keys'] }] },
      ],
      federation_custom_ca_list: ['ca.pem'],
      // For server names that are IP addresses, Synapse ignores `ip_range_whitelist`.
      ip_range_blacklist: [],
      trusted_key_servers: [],
      presence: { enabled: false },
      // Else, it repeats the response to a first `/sync` for two minutes.
      caches: { sync_response_cache_duration: '0s' },
      rc_registration: NO_LIMIT,
      rc_login: { address: NO_LIMIT, account: NO_LIMIT, failed_attempts: NO_LIMIT },
    };
  }

  readonly #kill = () => {
    this.#process?.kill('SIGKILL');
  };
}
