import { once } from 'node:events';
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net';

/**
 * A proxy in front of a PostgreSQL server that can look at what goes through, let it wait, or cut it off.
 *
 * `onRequest` is told of each piece that a client sends and `onAnswer` of each piece that the server sends; what they
 * return is what becomes of it.
 */
export class TcpProxy {
  onRequest: (piece: Buffer) => Verdict = () => 'pass';
  onAnswer: (piece: Buffer) => Verdict = () => 'pass';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((client) => this.#serve(client, target));
  }

  /** @param target the server's port on this machine */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    return address.port;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #serve(client: Socket, target: number): void {
    const server = connectTo(target, '127.0.0.1');
    const cut = () => {
      for (const socket of [client, server]) socket.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // An error is followed by close.
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (piece) => carryOut(this.onRequest(piece), piece, server, cut));
    server.on('data', (piece) => carryOut(this.onAnswer(piece), piece, client, cut));
  }
}

/** `swallow`: as a network that has gone away, without a word to either side. */
export type Verdict = 'pass' | 'cut' | 'swallow';

function carryOut(verdict: Verdict, piece: Buffer, to: Socket, cut: () => void): void {
  if (verdict === 'pass') to.write(piece);
  if (verdict === 'cut') cut();
}
