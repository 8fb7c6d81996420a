import { MatrixError, StorageUnavailableError } from '../../../../src/errors.ts';
import { readable } from '../../../../src/internal/thrown.ts';
import { buildPdu, PduError, referenceTo } from '../../../../src/pdu/index.ts';
import type { CallContext } from '../../../../src/ports/context.ts';
import type { Signer } from '../../../../src/ports/signer.ts';
import type { NewStateEvent } from '../../../../src/rooms/event.ts';
import { domainOf } from '../../../../src/rooms/identifiers.ts';
import { ROOM_VERSIONS } from '../../../../src/rooms/room-version.ts';
import type { GraphEvent } from './rows.ts';

/** An event to build. A create event has no room ID yet, if the room ID is its hash. */
export type EventToSign = Omit<NewStateEvent, 'room_id'> & { readonly room_id?: string };

/** An event to build, and the events that it refers to. */
export type ToSign = {
  readonly event: EventToSign;
  readonly roomVersion: string;
  readonly auth: readonly GraphEvent[];
  readonly prev: readonly GraphEvent[];
};

/**
 * Builds and signs an event.
 *
 * @throws {TypeError} (rejects) if its sender is a user of another server than the signer's
 * @throws {MatrixError} (rejects) if it cannot be a PDU
 * @throws {StorageUnavailableError} (rejects) if the signer fails
 */
export async function signedEvent(
  { event, roomVersion, auth, prev }: ToSign,
  signer: Signer,
  context: CallContext,
): Promise<GraphEvent> {
  if (domainOf(event.sender) !== signer.serverName) {
    throw new TypeError(
      `The sender of an event in a room that federates must be a user of ${signer.serverName}`,
    );
  }
  const { type, state_key, sender, origin_server_ts, content, room_id } = event;
  const fields = { type, state_key, sender, origin_server_ts, content };
  const refer = (each: GraphEvent) => reference(each, roomVersion);
  try {
    const { eventId, pdu } = await buildPdu(
      {
        event: room_id === undefined ? fields : { ...fields, room_id },
        roomVersion,
        prevEvents: prev.map(refer),
        authEvents: auth.map(refer),
        signer,
      },
      context,
    );
    return { eventId, pdu };
  } catch (thrown) {
    throw signingError(thrown);
  }
}

/** Returns a copy for work that goes on while the caller may change its own object. */
export function copyOf<Value extends object>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

/** The hash of an event is calculated only for the room versions that need it. */
function reference({ eventId, pdu }: GraphEvent, roomVersion: string): ReturnType<typeof referenceTo> {
  return ROOM_VERSIONS.get(roomVersion)?.referencesHaveHashes
    ? referenceTo(pdu, roomVersion)
    : { eventId, depth: pdu.depth };
}

function signingError(thrown: unknown): Error {
  if (thrown instanceof PduError) {
    return thrown.reason === 'tooLarge'
      ? new MatrixError(413, 'M_TOO_LARGE', 'The event is too large', { cause: thrown })
      : new MatrixError(400, 'M_BAD_JSON', `The event is not valid: ${thrown.message}`, { cause: thrown });
  }
  return new StorageUnavailableError('The event could not be signed', {
    cause: readable(thrown),
    isNotStored: true,
  });
}
