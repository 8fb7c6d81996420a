import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import express from 'express';
import { createInviteRouter, matrixErrorHandler } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { silent } from '../http/support.ts';

const ALICE = '@alice:example.org';
/** Her requests are counted. Alice's are not. */
const MALLORY = '@mallory:example.org';
/** Nobody knows whether he exists: the router gives up after its deadline. */
export const SLOW = '@slow:example.org';
/** An invite of his ends the process's connections. */
export const FATAL = '@fatal:example.org';

const tokens = staticTokens({ 'alice-token': ALICE, 'mallory-token': MALLORY });

/** What a process has received. */
export type Received = {
  readonly url: string;
  readonly requestId: unknown;
  readonly socket: Socket;
};

/** A process behind a proxy, with rooms in a store that all of them share. */
export class Upstream {
  readonly received: Received[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server;
  readonly #app: express.Express;
  port = 0;

  private constructor(storage: MemoryStorage) {
    const router = createInviteRouter({
      serverName: 'example.org',
      storage,
      rateLimit: new MemoryRateLimit({ attempt: { points: 1, durationSeconds: 60 } }),
      auth: {
        authenticate: async (credentials, context) => {
          const result = await tokens.authenticate(credentials, context);
          if (!('requester' in result)) return result;
          const isRateLimitExempt = result.requester.userId === ALICE;
          return { requester: { ...result.requester, isRateLimitExempt } };
        },
      },
      users: {
        exists: async (userId) => {
          if (userId === FATAL) this.#server.closeAllConnections();
          return userId === SLOW || userId === FATAL ? new Promise(() => {}) : true;
        },
      },
      deadlineMs: 1_000,
      logger: silent,
    });
    this.#app = express();
    this.#app.get(['/health', '/metrics'], (_request, response) => void response.sendStatus(200));
    this.#app.use((request, _response, next) => {
      const requestId = request.headers['x-request-id'];
      this.received.push({ url: request.url, requestId, socket: request.socket });
      next();
    });
    this.#app.use('/_matrix/client/v3', router);
    this.#app.use(matrixErrorHandler());
    this.#server = this.#newServer();
  }

  static async start(storage: MemoryStorage): Promise<Upstream> {
    const upstream = new Upstream(storage);
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    upstream.port = (upstream.#server.address() as AddressInfo).port;
    return upstream;
  }

  /**
   * Stops listening, and resolves when the proxy has closed its ends of the connections too: a request that it sends on
   * a connection that is being closed would fail by chance.
   */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    // That of an HTTP server closes idle connections itself, and waits for no proxy.
    NetServer.prototype.close.call(this.#server);
    for (const socket of this.#sockets) socket.end();
    await closed;
  }

  /** Listens again, on the same port. */
  async startAgain(): Promise<void> {
    this.#server = this.#newServer();
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close(): Promise<void> {
    return this.stop();
  }

  #newServer(): Server {
    return createServer(this.#app).on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }
}
