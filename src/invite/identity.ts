import { isInviteNotSent, isMatrixError, type MatrixError } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { InviteRoomDetails, StoredAddressInvite } from '../ports/third-party.ts';
import { isUserId } from '../rooms/identifiers.ts';
import { checkedInvite } from './address-event.ts';
import type { AddressRun } from './address-request.ts';
import type { Deadline } from './deadline.ts';
import { identityFailure, internalError } from './refusals.ts';

/** @throws {MatrixError} the refusal of a medium, an address or an identity server that the host does not accept */
export function throwIfNotAcceptable<R extends Requester>({ config, invite }: AddressRun<R>): void {
  const objection: unknown = config.thirdParty.identity.objectionTo(invite);
  if (objection === undefined) return;
  if (isMatrixError(objection)) throw objection;
  ignoreRejections(objection);
  throw internalError(new TypeError('objectionTo must return a MatrixError or undefined, not a promise'));
}

/**
 * Returns the ID of the user who has the address, or undefined if nobody has.
 *
 * @throws {MatrixError} (rejects) the refusal; 502 or 504 if it cannot be known, 500 for the host's mistake
 */
export async function lookUp<R extends Requester>(
  { config, invite }: AddressRun<R>,
  calls: Deadline,
): Promise<string | undefined> {
  const { identity } = config.thirdParty;
  const userId: unknown = await calls
    .call('lookUp', (context) => identity.lookUp(invite, context))
    .catch((error: unknown) => {
      throw isMatrixError(error) ? error : identityFailure(error);
    });
  if (userId === undefined || userId === null) return undefined;
  if (typeof userId === 'string' && isUserId(userId)) return userId;
  ignoreRejections(userId);
  throw internalError(new TypeError('lookUp must resolve to a full Matrix user ID or undefined'));
}

/**
 * The end of a call of `storeInvite`.
 * - `inUse`, `refused`: nothing was stored or sent
 */
export type StoreEnd =
  | { readonly outcome: 'stored'; readonly invite: StoredAddressInvite }
  | { readonly outcome: 'inUse' }
  | { readonly outcome: 'refused'; readonly error: MatrixError };

/**
 * Has an invite stored for an address that nobody has, which may send an email.
 *
 * @param whenLate called with the promise of the end, if the time is over first
 * @throws {MatrixError} (rejects) 500, 502 or 504 if it cannot be known whether it was stored
 */
export async function storeInvite<R extends Requester>(
  { config, invite }: AddressRun<R>,
  room: InviteRoomDetails,
  calls: Deadline,
  whenLate: (end: Promise<StoreEnd>) => void,
): Promise<StoreEnd> {
  const { identity } = config.thirdParty;
  const endOf = (answer: unknown): StoreEnd => {
    if (answer === 'inUse') return { outcome: 'inUse' };
    try {
      return { outcome: 'stored', invite: checkedInvite(answer, invite) };
    } catch (error) {
      ignoreRejections(answer);
      throw error;
    }
  };
  const failedEnd = (error: unknown): StoreEnd => {
    if (isInviteNotSent(error)) return { outcome: 'refused', error: identityFailure(error) };
    if (!isMatrixError(error)) throw identityFailure(error);
    if (error.status >= 500) throw error;
    return { outcome: 'refused', error };
  };
  try {
    calls.throwIfOver('storeInvite');
  } catch (error) {
    return { outcome: 'refused', error: identityFailure(error) };
  }
  return calls
    .call(
      'storeInvite',
      (context) => identity.storeInvite(invite, room, context),
      (late) => whenLate(late.then(endOf, failedEnd)),
    )
    .then(endOf)
    .catch(failedEnd);
}
