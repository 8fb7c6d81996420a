import { randomBytes } from 'node:crypto';
import { authEventKeys } from '../../../../src/pdu/index.ts';
import type { CallContext } from '../../../../src/ports/context.ts';
import type { Signer } from '../../../../src/ports/signer.ts';
import type { NewRoom } from '../../../../src/ports/storage.ts';
import type { JsonObject, StateKey } from '../../../../src/rooms/event.ts';
import { ROOM_VERSIONS } from '../../../../src/rooms/room-version.ts';
import { CREATE_KEY, isSameKey, nameOf } from '../state-key.ts';
import { type EventToSign, signedEvent } from './event.ts';
import type { GraphEvent } from './rows.ts';

/** A room to create that federates. */
export type NewFederatedRoom = {
  /** `'1'` to `'12'`. */
  readonly roomVersion: string;
  /** The user ID of the sender of the create event, a user of the signer's server. */
  readonly creator: string;
  /**
   * Further content of the create event, such as `m.federate`, `type` or `additional_creators`. `room_version` and, up to
   * room version 10, `creator` are added. Default: none.
   */
  readonly createContent?: JsonObject | undefined;
  /**
   * The state after the create event, in order. It is stored without checking it. Other servers accept it only if each
   * event is allowed by the earlier ones, so start with the creator's join.
   */
  readonly state: NewRoom['state'];
};

/** 144 random bits: 24 characters of URL-safe base64. */
const ROOM_ID_BYTES = 18;

/**
 * Builds and signs the first events of a room.
 *
 * @param time the time of the create event, Unix time in milliseconds
 * @throws {TypeError} (rejects) for an unknown room version, and for a create event among the further state
 */
export async function firstEvents(
  { roomVersion, creator, createContent, state }: NewFederatedRoom,
  time: number,
  signer: Signer,
  newContext: () => CallContext,
): Promise<{ roomId: string; events: GraphEvent[] }> {
  const rules = ROOM_VERSIONS.get(roomVersion);
  if (rules === undefined) {
    throw new TypeError(
      `createFederatedRoom: roomVersion must be one of ${[...ROOM_VERSIONS.keys()].join(', ')}`,
    );
  }
  if (state.some((event) => isSameKey(event, CREATE_KEY))) {
    throw new TypeError('createFederatedRoom: state must not contain m.room.create: use createContent');
  }
  const create: EventToSign = {
    ...CREATE_KEY,
    sender: creator,
    origin_server_ts: time,
    content: {
      ...createContent,
      ...(rules.creatorFrom === 'content' ? { creator } : {}),
      room_version: roomVersion,
    },
  };
  const ownId = `!${randomBytes(ROOM_ID_BYTES).toString('base64url')}:${signer.serverName}`;
  const room = rules.roomIdHasDomain ? { room_id: ownId } : {};
  const first = await signedEvent(
    { event: { ...create, ...room }, roomVersion, auth: [], prev: [] },
    signer,
    newContext(),
  );
  const roomId = rules.roomIdHasDomain ? ownId : `!${first.eventId.slice(1)}`;
  const events = [first];
  const current = new Map([[nameOf(CREATE_KEY), first]]);
  let last = first;
  for (const event of state) {
    const auth = authEventKeys(event, roomVersion).flatMap((key: StateKey) => current.get(nameOf(key)) ?? []);
    last = await signedEvent(
      { event: { ...event, room_id: roomId }, roomVersion, auth, prev: [last] },
      signer,
      newContext(),
    );
    events.push(last);
    current.set(nameOf(event), last);
  }
  return { roomId, events };
}
