import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from './random.ts';

/** What stands in the message that runs a prepared statement which stores an event. */
const COMMITS = /appendEvent_1|putState_1/;

/**
 * - `atAnswer`: the answer is dropped, so the event is stored and nobody was told
 * - `atOnce`: both sides lose the connection right after the request went on
 * - `ofClient`: only the client loses it; the server goes on with what it was sent
 */
const CUTS = ['atAnswer', 'atOnce', 'ofClient'] as const;

/**
 * Stands between the workers and PostgreSQL, and on demand cuts connections in the middle of a commit: after the
 * request was forwarded, before its answer is.
 */
export class CuttingProxy {
  readonly #server: Server;
  readonly #random: SeededRandom;
  readonly #sockets = new Set<Socket>();
  #cutsToCome = 0;
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

  /** The next so many commits lose their connection. */
  cutNext(commits: number): void {
    this.#cutsToCome = commits;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket, target: number): void {
    const server = connect(target, '127.0.0.1');
    let isCutAtAnswer = false;
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
        // What is written already goes on its way: a request that was cut off behind is still carried out.
        other.end();
      });
    }
    client.on('data', (piece) => {
      server.write(piece);
      if (this.#cutsToCome === 0 || !COMMITS.test(piece.toString('latin1'))) return;
      this.#cutsToCome -= 1;
      this.#cutsMade += 1;
      const cut = this.#random.pick(CUTS);
      if (cut === 'atAnswer') isCutAtAnswer = true;
      if (cut === 'atOnce') server.end();
      if (cut !== 'atAnswer') client.destroy();
    });
    server.on('data', (piece) => {
      if (isCutAtAnswer) client.destroy();
      else if (!client.destroyed) client.write(piece);
    });
  }
}
