import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from '@photostructure/sqlite';
import express from 'express';
import { createInviteRouter, type InviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { createServerKeyRouter, matrixFederation, type Signer } from 'express-matrix-invite/federation';
import { SqliteGraphStorage } from 'express-matrix-invite/storage/sqlite-graph';
import type { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import type { Pdu } from '../../src/pdu/index.ts';
import { silent } from '../http/support.ts';
import { newSigner } from '../support/federation-inbox.ts';

/** A homeserver with the routers of this package, which invites users of other servers. It serves its keys by TLS. */
export class FederatingHomeserver {
  readonly app: express.Express = express();
  readonly rooms: SqliteGraphStorage;
  readonly signer: Signer;
  readonly alice: string;
  /** Is called when another server asks for its keys. */
  onKeyRequest: () => void = () => {};
  servesKeys = true;
  /** The endpoints that other servers have asked for in vain. */
  readonly unserved: string[] = [];
  readonly #database = new DatabaseSync(':memory:');
  readonly #router: InviteRouter;
  readonly #server: Server;

  private constructor(server: Server, ca: PrivateCa) {
    this.#server = server;
    const serverName = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.alice = `@alice:${serverName}`;
    this.signer = newSigner(serverName);
    this.rooms = new SqliteGraphStorage(this.#database, { signer: this.signer });
    this.#router = createInviteRouter({
      serverName,
      storage: this.rooms,
      auth: staticTokens({ 'alice-token': this.alice }),
      rateLimit: false,
      federation: matrixFederation({
        signer: this.signer,
        rooms: this.rooms,
        allowAddresses: ['127.0.0.1/32'],
        tls: { ca: ca.certificate },
      }),
      logger: silent,
    });
    this.app.use('/_matrix/client/v3', this.#router);
    this.app.use('/_matrix/key', (_request, response, next) => {
      this.onKeyRequest();
      if (this.servesKeys) next();
      else response.status(503).json({});
    });
    this.app.use(createServerKeyRouter({ signer: this.signer, logger: silent }));
    this.app.use((request, response) => {
      this.unserved.push(request.path.split('/').slice(0, 5).join('/'));
      response.status(404).json({ errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' });
    });
    server.on('request', this.app);
  }

  static async start(ca: PrivateCa): Promise<FederatingHomeserver> {
    const server = createServer(await ca.issue('IP:127.0.0.1'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const homeserver = new FederatingHomeserver(server, ca);
    await homeserver.rooms.migrate();
    return homeserver;
  }

  /** Creates a room of Alice. Returns its ID. */
  createRoom(roomVersion = '11'): Promise<string> {
    const byAlice = { sender: this.alice, origin_server_ts: Date.now() };
    return this.rooms.createFederatedRoom({
      roomVersion,
      creator: this.alice,
      state: [
        { ...byAlice, type: 'm.room.member', state_key: this.alice, content: { membership: 'join' } },
        { ...byAlice, type: 'm.room.join_rules', state_key: '', content: { join_rule: 'invite' } },
        { ...byAlice, type: 'm.room.name', state_key: '', content: { name: 'Friday' } },
      ],
    });
  }

  /** Returns the invites of a room. */
  async invitesIn(roomId: string): Promise<Pdu[]> {
    const page = await this.rooms.pdus(roomId, { limit: 10_000 });
    const pdus = page?.events.map(({ pdu }) => pdu) ?? [];
    return pdus.filter(({ type, content }) => type === 'm.room.member' && content.membership === 'invite');
  }

  async close(): Promise<void> {
    await this.#router.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    this.#database.close();
  }
}
