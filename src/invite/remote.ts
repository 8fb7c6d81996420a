import { isMatrixError } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { RemoteInvite, RemoteInvites } from '../ports/remote-invites.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { isStateKey, type StateKey } from '../rooms/event.ts';
import { domainOf, isReachableServerName, isUserOf } from '../rooms/identifiers.ts';
import { type Refused, refused } from './decision.ts';
import { invalidServerName } from './refusals.ts';
import type { Run } from './run.ts';

type InviteeRun<R extends Requester> = {
  readonly config: Pick<Run<R>['config'], 'serverNames'>;
  readonly request: { readonly userId: string };
};

/** Returns false for a user of another server: the host's users are not asked about them. */
export function isLocalInvitee<R extends Requester>({ config, request }: InviteeRun<R>): boolean {
  return isUserOf(config.serverNames, request.userId);
}

/** Returns the keys that `federation` asks for, or the refusal of an invitee whose server cannot exist. */
export function remoteKeysToRead<R extends Requester>(
  run: Run<R>,
  federation: RemoteInvites,
): readonly StateKey[] | Refused {
  const isImpossible = !isLocalInvitee(run) && !isReachableServerName(domainOf(run.request.userId) ?? '');
  if (isImpossible) return refused({ by: 'invitee' }, invalidServerName());
  const keys: unknown = federation.stateKeys(remoteInviteOf(run));
  if (Array.isArray(keys) && keys.every(isStateKey)) return keys;
  ignoreRejections(keys);
  throw new TypeError('federation.stateKeys must return an array of { type, state_key }');
}

/**
 * Returns true if `federation` makes the invite, and the store does not.
 *
 * @throws {TypeError} for anything but a boolean: a promise must not count as true
 */
export function isConcerned<R extends Requester>(
  run: Run<R>,
  federation: RemoteInvites,
  snapshot: StateSnapshot,
): boolean {
  const concerns: unknown = federation.concerns(remoteInviteOf(run), snapshot);
  if (typeof concerns === 'boolean') return concerns;
  ignoreRejections(concerns);
  throw new TypeError('federation.concerns must return a boolean');
}

/** Returns the refusal of an invite that `federation` does not accept. */
export function remoteObjection<R extends Requester>(
  run: Run<R>,
  federation: RemoteInvites,
  snapshot: StateSnapshot,
): Refused | undefined {
  const objection: unknown = federation.objectionTo(remoteInviteOf(run), snapshot);
  if (objection === undefined) return undefined;
  if (isMatrixError(objection)) return refused({ by: 'federation' }, objection);
  ignoreRejections(objection);
  throw new TypeError('federation.objectionTo must return a MatrixError or undefined, not a promise');
}

function remoteInviteOf<R extends Requester>({
  request: { roomId, requester, userId },
}: Run<R>): RemoteInvite {
  return { roomId, sender: requester.userId, userId };
}
