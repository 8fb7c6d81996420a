import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from './random.ts';

/** Matches the message that runs a statement which stores an event: prepared in PostgreSQL, as text in MariaDB. */
const COMMITS = /appendEvent_1|putState_1|INSERT INTO matrix_events/;

/**
 * - `atResponse`: the response is dropped, so the event is stored without an acknowledgment
 * - `immediately`: both sides lose the connection right after the request was forwarded
 * - `clientOnly`: only the client loses it; the server continues with the request
 */
const CUTS = ['atResponse', 'immediately', 'clientOnly'] as const;

/**
 * A proxy between the workers and a database that cuts connections in the middle of a commit on demand: after it has
 * forwarded the request, and before it forwards the response.
 */
export class CuttingProxy {
  readonly #server: Server;
  readonly #random: SeededRandom;
  readonly #sockets = new Set<Socket>();
  #pendingCuts = 0;
  #cutsMade = 0;

  private constructor(target: number, random: SeededRandom) {
    this.#random = random;
    this.#server = createServer((client) => this.#serve(client, target));
  }

  /** @param target the server's port */
  static async start(target: number, random: SeededRandom): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, random);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get cutsMade(): number {
    return this.#cutsMade;
  }

  /** Makes the next `commits` commits lose their connection. */
  cutNext(commits: number): void {
    this.#pendingCuts = commits;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket, target: number): void {
    const server = connect(target, '127.0.0.1');
    let isCutAtResponse = false;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Followed by `close`.
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        // What is already written still arrives: a request whose connection was cut after it is still executed.
        other.end();
      });
    }
    client.on('data', (piece) => {
      server.write(piece);
      if (this.#pendingCuts === 0 || !COMMITS.test(piece.toString('latin1'))) return;
      this.#pendingCuts -= 1;
      this.#cutsMade += 1;
      const cut = this.#random.pick(CUTS);
      if (cut === 'atResponse') isCutAtResponse = true;
      if (cut === 'immediately') server.end();
      if (cut !== 'atResponse') client.destroy();
    });
    server.on('data', (piece) => {
      if (isCutAtResponse) client.destroy();
      else if (!client.destroyed) client.write(piece);
    });
  }
}
