import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export const SERVER_NAME = 'example.org';
export const REGISTRATION_SECRET = 'bench-registration';
/** The access token of the application service that registers the members of rooms. */
const APP_SERVICE_TOKEN = 'bench-app-service';
/** The number of users that are registered at once: one at a time, 10,000 take several minutes. */
const AT_ONCE = 8;
const MAX_START_MS = 60_000;

/** A registration of an application service for the users @member…, as a file in YAML. */
export const APP_SERVICE = `id: bench
url: null
as_token: ${APP_SERVICE_TOKEN}
hs_token: bench-homeserver
sender_localpart: bench
rate_limited: false
namespaces:
  users: [{ exclusive: true, regex: '@member.*' }]
  aliases: []
  rooms: []
`;

/** Another Matrix server, in one process. */
export class Homeserver {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.#child = child;
    process.once('exit', this.#kill);
  }

  /**
   * Starts a server, and resolves once it responds to requests.
   *
   * @param start.command the program, its arguments, and the folder that it runs in
   * @throws {Error} if it does not respond within a minute
   */
  static async start(start: {
    readonly name: string;
    readonly port: number;
    readonly command: readonly [string, ...string[]];
    readonly folder: string;
  }): Promise<Homeserver> {
    const [program, ...parameters] = start.command;
    const child = spawn(program, parameters, { cwd: start.folder, stdio: ['ignore', 'ignore', 'inherit'] });
    const server = new Homeserver(start.name, start.port, child);
    const stopAt = Date.now() + MAX_START_MS;
    while (Date.now() < stopAt && child.exitCode === null) {
      if (await server.#responds()) return server;
      await delay(100);
    }
    await server.close();
    throw new Error(`${start.name} did not start`);
  }

  get pids(): readonly number[] {
    return this.#child.pid === undefined ? [] : [this.#child.pid];
  }

  /** Registers a user with a password. Returns their access token. */
  async register(username: string): Promise<string> {
    const path = '/_synapse/admin/v1/register';
    const { nonce } = await this.request<{ nonce: string }>('GET', path);
    const password = 'bench-password';
    const mac = createHmac('sha1', REGISTRATION_SECRET)
      .update([nonce, username, password, 'notadmin'].join('\0'))
      .digest('hex');
    const body = { nonce, username, password, admin: false, mac };
    return (await this.request<{ access_token: string }>('POST', path, { body })).access_token;
  }

  /** Creates a room that anyone may join, and lets `members` users of the application service join it. */
  async createRoom(token: string, members: number): Promise<string> {
    const path = '/_matrix/client/v3/createRoom';
    const body = { preset: 'public_chat', room_version: '10' };
    const { room_id } = await this.request<{ room_id: string }>('POST', path, { token, body });
    for (let index = 0; index < members; index += 1) {
      const query = `?user_id=${encodeURIComponent(`@member${index}:${SERVER_NAME}`)}`;
      const join = `/_matrix/client/v3/rooms/${encodeURIComponent(room_id)}/join${query}`;
      await this.request('POST', join, { token: APP_SERVICE_TOKEN, body: {} });
    }
    return room_id;
  }

  /** Registers the users @member0 and so on, except for those before `first`. */
  async registerMembers(count: number, first: number): Promise<void> {
    const register = (index: number) => {
      const body = { type: 'm.login.application_service', username: `member${index}`, inhibit_login: true };
      return this.request('POST', '/_matrix/client/v3/register', { token: APP_SERVICE_TOKEN, body });
    };
    for (let start = first; start < count; start += AT_ONCE) {
      const length = Math.min(AT_ONCE, count - start);
      await Promise.all(Array.from({ length }, (_, index) => register(start + index)));
    }
  }

  /** @throws {Error} if the status is not 200 */
  async request<Result>(
    method: 'GET' | 'POST',
    path: string,
    options: { readonly token?: string; readonly body?: unknown } = {},
  ): Promise<Result> {
    const response = await this.send(method, path, options);
    if (response.status !== 200) {
      throw new Error(`${this.name}: ${method} ${path} ${response.status} ${JSON.stringify(response.body)}`);
    }
    return response.body as Result;
  }

  async send(
    method: 'GET' | 'POST',
    path: string,
    { token, body }: { readonly token?: string; readonly body?: unknown },
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #responds(): Promise<boolean> {
    return this.request('GET', '/_matrix/client/versions').then(
      () => true,
      () => false,
    );
  }

  readonly #kill = () => {
    this.#child.kill('SIGKILL');
  };
}
