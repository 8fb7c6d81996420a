import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createServer, type Server } from 'node:tls';
import { MailSink } from '../../examples/invite-by-email/identity-server/mail-sink.ts';
import type { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import { eventually } from '../../servers/eventually.ts';
import { freePort } from '../../servers/free-port.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { pythonWithSydent } from './python.ts';

const HEADERS = 'From: %(from)s\nTo: %(to)s\nSubject: sydent\n\n';
const TEMPLATES = {
  // sydent's own templates are not in its package.
  'invite_template.eml': `${HEADERS}Token: %(token)s\nKey: %(ephemeral_private_key)s\nRoom: %(room_name)s\n`,
  'verification_template.eml': `${HEADERS}Token: %(token)s\n`,
};

/** The settings of sydent by section and name. */
export type SydentConfig = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/** A response: its status and its JSON. */
export type SydentResponse = JsonObject & { readonly status: number };

/** sydent, the reference identity server, behind a proxy that adds TLS. It sends its emails to an SMTP server. */
export class Sydent {
  readonly mail: MailSink;
  /** Its server name, with the port of the proxy. */
  readonly name: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #proxy: Server;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number, proxy: Server, mail: MailSink) {
    this.#folder = folder;
    this.#port = port;
    this.#proxy = proxy;
    this.mail = mail;
    this.name = `127.0.0.2:${(proxy.address() as AddressInfo).port}`;
    process.once('exit', this.#kill);
  }

  /** Installs sydent if necessary, and starts it with an empty database. */
  static async start(ca: PrivateCa, config: SydentConfig = {}): Promise<Sydent> {
    const folder = await mkdtemp(join(tmpdir(), 'invite-sydent-'));
    const port = await freePort();
    const proxy = createServer(await ca.issue('IP:127.0.0.2'), (socket) => {
      pipeline(socket, connect(port, '127.0.0.1'), socket, () => {});
    });
    proxy.listen(0, '127.0.0.2');
    await once(proxy, 'listening');
    const sydent = new Sydent(folder, port, proxy, await MailSink.start());
    await mkdir(join(folder, 'templates/test'), { recursive: true });
    for (const [name, text] of Object.entries(TEMPLATES)) await sydent.write(`templates/test/${name}`, text);
    await sydent.write('ca.pem', ca.certificate);
    await sydent.restart(config);
    return sydent;
  }

  /** Kills sydent, and starts it with a changed configuration and the same database. */
  async restart(config: SydentConfig = {}): Promise<void> {
    await this.#stop();
    await this.write('sydent.conf', this.#configOf(config));
    const python = await pythonWithSydent();
    this.#process = spawn(python, ['-m', 'sydent.sydent'], {
      cwd: this.#folder,
      env: { ...process.env, SYDENT_CONF: 'sydent.conf', SSL_CERT_FILE: join(this.#folder, 'ca.pem') },
      stdio: 'ignore',
    });
    const child = this.#process;
    await eventually('sydent responds', async () => {
      if (child.exitCode !== null) throw new Error('sydent has ended');
      return (await this.ask('GET', 'terms')).status === 200;
    });
  }

  /** Sends a request to its Identity Service API v2. */
  async ask(method: 'GET' | 'POST', path: string, body?: object, token = ''): Promise<SydentResponse> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/_matrix/identity/v2/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { ...((await response.json()) as JsonObject), status: response.status };
  }

  /** Writes a file into its folder. Returns the file's name. */
  async write(name: string, text: string): Promise<string> {
    await writeFile(join(this.#folder, name), text);
    return name;
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill);
    await this.#stop();
    this.#proxy.close();
    await this.mail.close();
    await rm(this.#folder, { recursive: true });
  }

  async #stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    this.#kill();
    await exited;
  }

  #configOf(config: SydentConfig): string {
    const sections: SydentConfig = {
      general: {
        'server.name': this.name,
        'log.path': 'log',
        'templates.path': 'templates',
        'brand.default': 'test',
        // The homeserver of the tests.
        'ip.whitelist': '127.0.0.1/32',
        ...config.general,
      },
      http: {
        'clientapi.http.bind_address': '127.0.0.1',
        'clientapi.http.port': this.#port,
        client_http_base: `https://${this.name}`,
        ...config.http,
      },
      email: {
        'email.from': 'sydent@id.test',
        'email.smtphost': '127.0.0.1',
        'email.smtpport': this.mail.port,
        'email.hostname': 'localhost',
        'email.ratelimit_sender.burst': 100,
        ...config.email,
      },
      // The public key has a `+` and a `/`.
      crypto: { 'ed25519.signingkey': `ed25519 0 BAAA${'A'.repeat(39)}`, ...config.crypto },
    };
    return Object.entries(sections)
      .flatMap(([section, values]) => [
        `[${section}]`,
        ...Object.entries(values).map((pair) => pair.join(' = ')),
      ])
      .join('\n');
  }

  readonly #kill = () => {
    this.#process?.kill('SIGKILL');
  };
}
