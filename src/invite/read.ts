import { isMatrixError } from '../errors.ts';
import { ignoreRejections, isThenable } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { StateSnapshot, StorageAdapter } from '../ports/storage.ts';
import { isStateKey, type StateKey, type StrippedStateEvent } from '../rooms/event.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import type { ServiceConfig } from './config.ts';
import { isRefused, type Refused, refused } from './decision.ts';
import { policyFailed } from './policies.ts';
import { remoteKeysToRead } from './remote.ts';
import type { Run } from './run.ts';

/**
 * Returns the state keys that decide an invite: those of the room's rules, and those that `federation` and policies ask
 * for. Or the refusal, if one of them cannot say.
 */
export function keysToRead<R extends Requester>(run: Run<R>): readonly StateKey[] | Refused {
  const { request, config } = run;
  const ofRoom = inviteStateKeys(request.requester.userId, request.userId);
  let keys = ofRoom;
  if (config.federation !== undefined) {
    const ofRemote = remoteKeysToRead(run, config.federation);
    if (isRefused(ofRemote)) return ofRemote;
    keys = keys.concat(ofRemote);
  }
  for (const policy of config.policies) {
    try {
      keys = keys.concat(stateKeysOf(run, policy));
    } catch (err) {
      return policyFailed(run, policy.name, err);
    }
  }
  if (keys.length === ofRoom.length) return ofRoom;
  return [...new Map(keys.map((key) => [JSON.stringify([key.type, key.state_key]), key])).values()];
}

function stateKeysOf<R extends Requester>({ request }: Run<R>, policy: InvitePolicy<R>): readonly StateKey[] {
  if (typeof policy.stateKeys !== 'function') return policy.stateKeys ?? [];
  const result: unknown = policy.stateKeys(request);
  const keys: readonly unknown[] | undefined = isIterable(result) ? [...result] : undefined;
  if (keys?.every(isStateKey)) return keys;
  ignoreRejections(keys ?? result);
  throw new TypeError('stateKeys must return an array of { type, state_key }');
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/**
 * The snapshot that the store returned, or its refusal: `transactionalStorage` lets a host throw a `MatrixError` here.
 */
export type ReadResult = { readonly kind: 'read'; readonly snapshot: StateSnapshot | undefined } | Refused;

type ReadRun<R extends Requester> = Pick<Run<R>, 'deadline'> & {
  readonly config: Pick<ServiceConfig<R>, 'storage'>;
  readonly request: { readonly roomId: string };
};

/**
 * Reads the state that decides, at one moment.
 *
 * @throws (rejects) when the store fails or is late
 */
export function readState<R extends Requester>(
  { config, request, deadline }: ReadRun<R>,
  keys: readonly StateKey[],
): Promise<ReadResult> {
  return deadline
    .call('readState', (context) => config.storage.readState(request.roomId, keys, context))
    .then(wasRead, refusedByStore);
}

function wasRead(snapshot: StateSnapshot | undefined): ReadResult {
  return { kind: 'read', snapshot };
}

function refusedByStore(error: unknown): Refused {
  if (isMatrixError(error)) return refused({ by: 'storage' }, error);
  throw error;
}

/**
 * Returns the state as the store remembers it, if it remembers the inviter. For anybody else it would only make a refusal
 * slower, and tell an outsider that the room exists. The store may be a host's: what it throws must not fail the invite.
 */
export function recallState<R extends Requester>(
  { config: { storage }, request, log }: Run<R>,
  keys: readonly StateKey[],
): StateSnapshot | undefined {
  try {
    const { roomId, requester } = request;
    const inviter = recalled(storage, roomId, [{ type: 'm.room.member', state_key: requester.userId }]);
    return inviter?.events.length === 1 ? recalled(storage, roomId, keys) : undefined;
  } catch (err) {
    log.error({ err }, 'recall failed: the state is read instead');
    return undefined;
  }
}

/** @throws {TypeError} for a promise: nobody waits for it */
function recalled(
  storage: StorageAdapter,
  roomId: string,
  keys: readonly StateKey[],
): StateSnapshot | undefined {
  const snapshot = storage.recall?.(roomId, keys);
  if (!isThenable(snapshot)) return snapshot;
  ignoreRejections(snapshot);
  throw new TypeError('recall must return a snapshot or undefined, and not a promise');
}

/** Returns the member event of a user, if the snapshot has one. */
export function memberEvent(
  snapshot: StateSnapshot | undefined,
  userId: string,
): StrippedStateEvent | undefined {
  return snapshot?.events.find(({ type, state_key }) => type === 'm.room.member' && state_key === userId);
}
