import { setTimeout as delay } from 'node:timers/promises';
import { matrixFederation } from '../../adapters/federation/matrix.ts';
import { MemoryGraphStorage } from '../../adapters/storage/memory-graph/index.ts';
import { createInviteService } from '../../src/index.ts';
import { FederationInbox, newSigner, TestNetwork } from '../../test/support/federation-inbox.ts';
import { spreadOf } from '../harness/statistics.ts';

const SERVER = 'one.test';
const ALICE = `@alice:${SERVER}`;

/** The local invites of one room follow one another at this distance, so that they leave the CPU to the others. */
const LOCAL_INTERVAL_MS = 5;

/** What is under way at once. */
export type RemoteLoad = {
  readonly invites: number;
  /** The time that the other server takes for each answer, in milliseconds. */
  readonly answerMs: number;
};

export type RemoteTimes = {
  /** Until the last of the remote invites was stored, in milliseconds. */
  readonly together: number;
  /** The median of local invites in the same room when nothing else is under way, in milliseconds. */
  readonly localAlone: number;
  /** The median of local invites in the same room while the remote invites are under way, in milliseconds. */
  readonly localMeanwhile: number;
};

/** Invites users of a server that takes its time. It runs in the same process, over TLS. */
export class RemoteInviting {
  readonly #network: TestNetwork;
  readonly #inbox: FederationInbox;
  readonly #signer;

  private constructor(network: TestNetwork, inbox: FederationInbox, signer: ReturnType<typeof newSigner>) {
    this.#network = network;
    this.#inbox = inbox;
    this.#signer = signer;
  }

  static async start(): Promise<RemoteInviting> {
    const network = await TestNetwork.start();
    const signer = newSigner(SERVER);
    return new RemoteInviting(network, await FederationInbox.start(network, 'two.test:0', signer), signer);
  }

  /** Measures it in a new room, by an adapter that has neither keys nor connections. */
  async measure({ invites, answerMs }: RemoteLoad): Promise<RemoteTimes> {
    this.#inbox.respond = async (_invite, accept) => {
      await delay(answerMs);
      return accept();
    };
    const rooms = new MemoryGraphStorage({ signer: this.#signer });
    const federation = matrixFederation({
      signer: this.#signer,
      rooms,
      ...this.#network.options,
      maxRequestsPerServer: invites,
    });
    const service = createInviteService({ serverName: SERVER, storage: rooms, rateLimit: false, federation });
    const roomId = await createRoom(rooms);
    const invite = async (userId: string) => {
      const { outcome } = await service.invite({ requester: { userId: ALICE }, roomId, userId });
      if (outcome !== 'invited') throw new Error(`an invite was ${outcome}`);
    };
    try {
      const localAlone = await localTimes('alone', invite, delay(answerMs));
      const startedAt = performance.now();
      const remote = Array.from({ length: invites }, (_, index) =>
        invite(`@dave${index}:${this.#inbox.name}`),
      );
      const allRemote = Promise.all(remote).then(() => performance.now() - startedAt);
      const localMeanwhile = await localTimes('meanwhile', invite, allRemote);
      return { together: await allRemote, localAlone, localMeanwhile };
    } finally {
      await service.close();
    }
  }

  async close(): Promise<void> {
    await this.#inbox.close();
    await this.#network.close();
  }
}

/** Returns the median time of local invites, one at a time, until something else has ended. */
async function localTimes(
  name: string,
  invite: (userId: string) => Promise<void>,
  other: Promise<unknown>,
): Promise<number> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  other.then(end, end);
  const times: number[] = [];
  while (!isOver) {
    const startedAt = performance.now();
    await invite(`@${name}${times.length}:${SERVER}`);
    times.push(performance.now() - startedAt);
    await delay(LOCAL_INTERVAL_MS);
  }
  return spreadOf(times).median;
}

function createRoom(rooms: MemoryGraphStorage): Promise<string> {
  const by = { sender: ALICE, origin_server_ts: Date.now() };
  return rooms.createFederatedRoom({
    roomVersion: '11',
    creator: ALICE,
    state: [
      { ...by, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
      { ...by, type: 'm.room.power_levels', state_key: '', content: { users: { [ALICE]: 100 } } },
      { ...by, type: 'm.room.join_rules', state_key: '', content: { join_rule: 'invite' } },
    ],
  });
}
