import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createInviteRouter, createInviteService, type InviteService } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { createThirdPartyInviteRouter, identityServers } from 'express-matrix-invite/third-party';
import type { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { silent } from '../http/support.ts';

/** An onbind request, and the status of its response. */
export type OnBind = { readonly method: string; readonly body: JsonObject; readonly status: number };

/** A homeserver with the routers of this package, by TLS, under a server name that other servers find. */
export class Homeserver {
  readonly app: express.Express = express();
  readonly storage = new MemoryStorage();
  readonly service: InviteService;
  readonly onbinds: OnBind[] = [];
  /** The status of the responses to onbind requests in place of the router's. Default: the router responds. */
  onbindStatus: number | undefined;
  readonly alice: string;
  readonly bob: string;
  readonly #server: Server;

  private constructor(server: Server, ca: PrivateCa, idServer: string) {
    this.#server = server;
    const serverName = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.alice = `@alice:${serverName}`;
    this.bob = `@bob:${serverName}`;
    const identity = identityServers({
      servers: [idServer],
      allowAddresses: ['127.0.0.2/32'],
      tls: { ca: ca.certificate },
    });
    const thirdParty = { identity, pending: this.storage, secret: 'a secret of at least thirty-two bytes' };
    const common = { serverName, storage: this.storage, thirdParty, logger: silent };
    this.service = createInviteService({ ...common, rateLimit: false });

    const users = new Map([
      ['alice-token', this.alice],
      ['bob-token', this.bob],
    ]);
    this.app.get('/_matrix/federation/v1/openid/userinfo', (request, response) => {
      response.json({ sub: users.get(String(request.query.access_token)) });
    });
    this.app.use('/_matrix/federation/v1', express.json(), (request, response, next) => {
      const { method, body } = request;
      response.once('finish', () => this.onbinds.push({ method, body, status: response.statusCode }));
      if (this.onbindStatus === undefined) next();
      else response.status(this.onbindStatus).json({});
    });
    this.app.use('/_matrix/federation/v1', createThirdPartyInviteRouter(common));
    const auth = staticTokens(Object.fromEntries(users));
    this.app.use('/_matrix/client/v3', createInviteRouter({ ...common, auth, rateLimit: false }));
    server.on('request', this.app);
  }

  /** @param idServer the identity server that may be used */
  static async start(ca: PrivateCa, idServer: string): Promise<Homeserver> {
    const server = createServer(await ca.issue('IP:127.0.0.1'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Homeserver(server, ca, idServer);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
