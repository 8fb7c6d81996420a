import type { Pdu } from '../../pdu/index.ts';
import type { RoomGraph } from '../../ports/room-graph.ts';
import type { NewRoom, StorageAdapter } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent } from '../../rooms/event.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** A graph, and the storage adapter of the same rooms: usually one object. The events that it reads have IDs. */
export type GraphInstance = { readonly graph: RoomGraph; readonly storage: StorageAdapter };

/** A room for a case. */
export type SeedGraphRoom = {
  readonly roomVersion: string;
  /** A user of the harness's server, who sends the create event. */
  readonly creator: string;
  /** The state after the create event, in order. */
  readonly state: NewRoom['state'];
};

/** The room graph contract's view of a graph. Its storage adapter must also pass the cases of {@link storageContract}. */
export type RoomGraphHarness = GraphInstance & {
  /** The server that signs, whose users send the events. */
  readonly serverName: string;
  /** The public keys that it signs with, by key ID: 32 bytes in unpadded base64. */
  readonly publicKeys: ReadonlyMap<string, string>;
  /** The versions of the rooms that `createRoom` can create, at least one. */
  readonly roomVersions: readonly string[];
  /** Creates a room that federates. Resolves to its ID, once it is committed. */
  createRoom(room: SeedGraphRoom): Promise<{ readonly roomId: string }>;
  /** Appends an event whatever the current state is, like the host app's own join, ban or kick. */
  putState(event: NewStateEvent): Promise<unknown>;
  /** Returns the PDUs of all events of a room, as the host's code that sends events finds them. */
  pdus(roomId: string): Promise<readonly Pdu[]>;

  /** Whether the graph keeps what it builds: it has `discard` and `unfinished`. Default false. */
  readonly keepsBuilt?: boolean | undefined;
  /** Creates a room that does not federate. Resolves to its ID. */
  createLocalRoom?(room: SeedGraphRoom): Promise<{ readonly roomId: string }>;
  /** Makes a user of another server a joined member. */
  joinRemoteUser?(roomId: string, userId: string): Promise<void>;
  /** Makes built invites older by this many milliseconds. */
  age?(milliseconds: number): Promise<void>;
  /** Returns another instance on the same store, like one in another process. */
  secondInstance?(): Promise<GraphInstance>;
  /** Loses what a crash would lose, and returns an instance on the rest. The first one is not used again. */
  crash?(): Promise<GraphInstance>;
  /** Returns an instance whose store cannot be reached. */
  unreachable?(): Promise<GraphInstance>;
  /** A content of `m.room.member` that can be built, and that the host app's store refuses to append. */
  readonly refusedContent?: JsonObject;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the room graph contract. */
export const graphCase: DefineCase<RoomGraphHarness> = caseMaker();
