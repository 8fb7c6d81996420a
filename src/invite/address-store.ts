import { setTimeout as delay } from 'node:timers/promises';
import { isStorageUnavailable } from '../errors.ts';
import { isFault } from '../internal/fault.ts';
import { noop } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import { type AddressClaim, CLAIM_MS } from '../ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../ports/third-party.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import { find } from '../rooms/room-state.ts';
import { thirdPartyKeysOf } from '../rooms/third-party-invite-rule.ts';
import { eventForAddress } from './address-event.ts';
import type { AddressInviteResult, AddressRun } from './address-request.ts';
import { type AppendedState, appendState } from './append-state.ts';
import { Deadline } from './deadline.ts';
import { decideForAddress, roomUnknown } from './decide.ts';
import { isRefused, type Refused } from './decision.ts';
import { isSameInvite } from './event.ts';
import { notifyOnInvite } from './notify.ts';
import { addressInviteUnderWay } from './refusals.ts';

/** Releasing a claim has its own timeout, in milliseconds: it often follows a request whose deadline is over. */
const RELEASE_TIMEOUT_MS = 1_000;

/** An address that this request alone may invite. */
export type Claim = { readonly outcome: 'claimed'; readonly claimId: string };

/**
 * Claims the address, so that no other request invites it too. If it has been invited before, makes sure that the event
 * is in the room: the earlier request may have failed between the two.
 *
 * @returns the claim, or the result of the earlier invite
 * @throws {MatrixError} (rejects) 503 while another request invites the address, and when the store fails
 */
export async function claimAddress<R extends Requester>(
  run: AddressRun<R>,
  deadline: Deadline,
): Promise<Claim | AddressInviteResult | Refused> {
  const { background, thirdParty } = run.config;
  const { pending } = thirdParty;
  const release = (late: AddressClaim) =>
    late.outcome === 'claimed' ? releaseAddress(run, late) : undefined;
  for (;;) {
    const claim = await deadline.call(
      'claimAddress',
      (context) => pending.claimAddress(run.key, context),
      // Nobody uses a claim that comes after the deadline.
      (leftBehind) => background.add(leftBehind.then(release).catch(noop)),
    );
    if (claim.outcome === 'claimed') return claim;
    if (claim.outcome === 'inProgress') throw addressInviteUnderWay(waitForClaim(run, claim.remainingMs));
    const { invite } = claim;
    const result = await appendForAddress(run, invite, deadline);
    if (isRefused(result) || result.outcome !== 'revoked') return result;
    await deadline.call('forgetAddress', (context) => pending.forgetAddress(run.key, invite.token, context));
  }
}

/**
 * Returns how long a claim will certainly last, or undefined if that cannot be known: its request may end any moment.
 * Once that has taken longer than it can, nobody ends the claim.
 */
function waitForClaim<R extends Requester>(
  { config: { deadlineMs, thirdParty } }: AddressRun<R>,
  remainingMs: number | undefined,
): number | undefined {
  if (remainingMs === undefined) return undefined;
  return CLAIM_MS - remainingMs > thirdParty.timeoutMs + deadlineMs ? remainingMs : undefined;
}

/**
 * Stores the invite of a claim. It repeats an attempt that failed: if the invite were lost now, the next request would
 * write to its owner again.
 *
 * @returns the invite that is stored
 * @throws (rejects) when the store fails until the time is over
 */
export async function settleAddress<R extends Requester>(
  { config: { thirdParty }, key }: AddressRun<R>,
  { claimId }: Claim,
  invite: StoredAddressInvite,
  deadline: Deadline,
): Promise<StoredAddressInvite> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await deadline.call('settleAddress', (context) =>
        thirdParty.pending.settleAddress(key, claimId, invite, context),
      );
    } catch (error) {
      if (!isStorageUnavailable(error) || isFault(error)) throw error;
    }
    await deadline.race(delay(Math.min(500, 10 * 2 ** attempt)));
  }
}

/** Ends a claim: nothing was sent. If that fails, it ends by itself. */
export async function releaseAddress<R extends Requester>(
  { config, key, log }: AddressRun<R>,
  { claimId }: Claim,
): Promise<void> {
  const deadline = new Deadline(RELEASE_TIMEOUT_MS);
  try {
    await deadline.call('releaseAddress', (context) =>
      config.thirdParty.pending.releaseAddress(key, claimId, context),
    );
  } catch (err) {
    log.warn({ err }, 'The claim of an address could not be released');
  } finally {
    deadline.end();
  }
}

/**
 * Makes sure that the event of an invite is in the room.
 *
 * @returns `revoked` if its event was there, and somebody has revoked it
 * @throws {MatrixError} (rejects) 503 when the store fails, 500 for the host's mistake
 */
export async function appendForAddress<R extends Requester>(
  run: AddressRun<R>,
  invite: StoredAddressInvite,
  deadline: Deadline,
): Promise<AddressInviteResult | Refused | { readonly outcome: 'revoked' }> {
  const { config, requester, key, log } = run;
  const { roomId } = key;
  const event = eventForAddress({ roomId, sender: requester.userId }, invite);
  const { type, state_key } = event;
  const stored = (appended: AppendedState): AddressInviteResult => {
    const { onAddressInvite, background } = config;
    notifyOnInvite({ onInvite: onAddressInvite, background }, log, { requester, ...appended });
    return { outcome: 'storedForAddress', eventId: appended.eventId };
  };
  const result = await appendState<R, AddressInviteResult | Refused | { readonly outcome: 'revoked' }>(
    { config, roomId, deadline },
    {
      keys: [...inviteStateKeys(requester.userId, undefined), { type, state_key }],
      decide(snapshot, tried) {
        run.trace.tries += 1;
        const current = find(snapshot.events, event);
        if (current !== undefined) {
          if (thirdPartyKeysOf(current).length === 0) return { ended: { outcome: 'revoked' } };
          const { event_id: eventId } = current;
          // Another request may have stored it: two inviters of one address have the same token.
          const isTried = tried !== undefined && isSameInvite(tried, current);
          return { ended: isTried ? stored({ event, eventId }) : { outcome: 'alreadyInvited', eventId } };
        }
        const decision = decideForAddress(run, snapshot);
        return decision.kind === 'refused' ? { ended: decision } : { event, basis: decision.basis };
      },
      whenLate: stored,
    },
  );
  if (result === undefined) return roomUnknown(run);
  if ('ended' in result) return result.ended;
  return 'refused' in result ? result.refused : stored(result.appended);
}
