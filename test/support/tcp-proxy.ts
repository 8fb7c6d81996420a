import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What to do with a chunk of data. `swallow` drops it silently, like a network that has gone away. */
export type Verdict = 'pass' | 'cut' | 'swallow';

/**
 * A TCP proxy in front of a server. It can inspect, drop or cut the traffic.
 *
 * `onRequest` sees each chunk that a client sends, and `onResponse` each chunk that the server sends. Their return
 * value decides what happens to the chunk.
 */
export class TcpProxy {
  onRequest: (chunk: Buffer) => Verdict = () => 'pass';
  onResponse: (chunk: Buffer) => Verdict = () => 'pass';
  /** Milliseconds by which chunks from the server arrive later. */
  responseDelayMs = 0;
  /** The number of connections so far. */
  accepted = 0;
  /** Where new connections lead. */
  targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number, targetHost: string) {
    this.targetPort = targetPort;
    this.#server = createServer((client) => this.#serve(client, connect(this.targetPort, targetHost)));
  }

  /** Starts a proxy on a free port of 127.0.0.1. */
  static async start(targetPort: number, targetHost = '127.0.0.1'): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, targetHost);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    return address.port;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts every connection and stops listening. */
  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #serve(client: Socket, server: Socket): void {
    this.accepted += 1;
    const cut = () => {
      for (const socket of [client, server]) socket.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // `close` follows every error.
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (chunk) => apply(this.onRequest(chunk), chunk, server, cut));
    server.on('data', (chunk) => {
      const respond = () => apply(this.onResponse(chunk), chunk, client, cut);
      if (this.responseDelayMs === 0) respond();
      else setTimeout(respond, this.responseDelayMs);
    });
  }
}

function apply(verdict: Verdict, chunk: Buffer, to: Socket, cut: () => void): void {
  if (verdict === 'pass') to.write(chunk);
  if (verdict === 'cut') cut();
}
