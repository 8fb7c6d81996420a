import {
  createInviteService,
  type InviteNotice,
  type InviteService,
  type InviteServiceOptions,
  type InviteTrace,
} from 'express-matrix-invite';
import { onTestFinished } from 'vitest';
import { matrixFederation } from '../../../adapters/federation/matrix.ts';
import type { MatrixFederationOptions } from '../../../adapters/federation/options.ts';
import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import type { Pdu } from '../../../src/pdu/index.ts';
import type { RoomGraph } from '../../../src/ports/room-graph.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { limits } from '../../http/support.ts';
import { recordedLogger, watched } from '../../invite/support.ts';
import { FederationInbox, newSigner, TestNetwork } from '../../support/federation-inbox.ts';

export const ALICE = '@alice:one.test';
export const CAROL = '@carol:one.test';

/** The key of the inviting server in all tests. */
export const SIGNER = newSigner('one.test', 'ed25519:a_1');

/** The network of a test file. Started once: its keys take a while. */
let started: Promise<TestNetwork> | undefined;

export function network(): Promise<TestNetwork> {
  started ??= TestNetwork.start();
  return started;
}

export async function inboxNamed(name: string): Promise<FederationInbox> {
  const inbox = await FederationInbox.start(await network(), name, SIGNER);
  onTestFinished(() => inbox.close());
  return inbox;
}

type Graph = Pick<MemoryGraphStorage, 'createFederatedRoom' | 'putState' | 'pdus'>;

/** Creates a room in which Alice may invite. */
export function createRoom(
  rooms: Graph,
  roomVersion = '12',
  more: readonly { readonly type: string; readonly content: JsonObject; readonly state_key?: string }[] = [],
  createContent: JsonObject = {},
): Promise<string> {
  const by = (type: string, content: JsonObject, state_key = '') => {
    return { type, state_key, content, sender: ALICE, origin_server_ts: Date.now() };
  };
  return rooms.createFederatedRoom({
    roomVersion,
    creator: ALICE,
    createContent,
    state: [
      by('m.room.member', { membership: 'join' }, ALICE),
      by('m.room.power_levels', { users: roomVersion === '12' ? {} : { [ALICE]: 100 }, invite: 0 }),
      by('m.room.join_rules', { join_rule: 'invite' }),
      by('m.room.name', { name: 'Cats' }),
      ...more.map(({ type, content, state_key }) => by(type, content, state_key)),
    ],
  });
}

/** Returns the PDUs of a user's invites in a room. */
export async function invitesOf(rooms: Graph, roomId: string, userId: string): Promise<Pdu[]> {
  const page = await rooms.pdus(roomId, { limit: 10_000 });
  const pdus = page?.events.map(({ pdu }) => pdu) ?? [];
  return pdus.filter(({ state_key, content }) => state_key === userId && content.membership === 'invite');
}

export type SetUp = {
  readonly options?: Partial<MatrixFederationOptions>;
  readonly service?: Partial<InviteServiceOptions>;
  /** What the adapter gets instead of the store of the rooms. */
  readonly graph?: (store: MemoryGraphStorage) => RoomGraph;
  readonly roomVersion?: string | undefined;
  readonly state?: Parameters<typeof createRoom>[2];
  readonly createContent?: JsonObject;
  /** The name of the inbox. With `:0`, it gets a port. */
  readonly inboxName?: string;
};

/** A service of `one.test` with one room, and the server of Dave. */
export async function setUp(given: SetUp = {}) {
  const inbox = await inboxNamed(given.inboxName ?? 'two.test:0');
  const rooms = new MemoryGraphStorage({ signer: SIGNER });
  const roomId = await createRoom(rooms, given.roomVersion, given.state, given.createContent);
  const federation = matrixFederation({
    signer: SIGNER,
    rooms: given.graph?.(rooms) ?? rooms,
    ...(await network()).options,
    wellKnownPort: inbox.port,
    ...given.options,
  });
  const logger = recordedLogger();
  const rateLimit = watched(limits(1_000));
  const notices: InviteNotice[] = [];
  const service: InviteService = createInviteService({
    serverName: 'one.test',
    storage: rooms,
    rateLimit,
    logger,
    federation,
    onInvite: (notice) => void notices.push(notice),
    ...given.service,
  });
  onTestFinished(() => service.close());
  const dave = `@dave:${inbox.name}`;
  const trace: InviteTrace = { tries: 0 };
  const invite = (userId = dave, sender = ALICE) =>
    service.invite({ requester: { userId: sender }, roomId, userId }, trace);
  return {
    inbox,
    rooms,
    roomId,
    federation,
    service,
    logger,
    rateLimit,
    notices,
    dave,
    trace,
    invite,
    invites: (userId = dave) => invitesOf(rooms, roomId, userId),
    /** Returns the invitees of the invites that are neither stored nor given up, however recent they are. */
    unfinished: async () => {
      const left = await rooms.unfinished({ olderThanMs: 0, limit: 1_000 }, contextWithTimeout(5_000));
      return left.map(({ pdu }) => pdu.state_key);
    },
  };
}
