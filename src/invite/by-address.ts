import type { Requester } from '../ports/auth.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { StateKey } from '../rooms/event.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import { DETAIL_KEYS, detailsOf } from './address-event.ts';
import type { AddressInviteResult, AddressRun } from './address-request.ts';
import {
  appendForAddress,
  type Claim,
  claimAddress,
  releaseAddress,
  settleAddress,
} from './address-store.ts';
import { Deadline } from './deadline.ts';
import { decideForAddress } from './decide.ts';
import { isRefused, type Refused } from './decision.ts';
import { endRun, type InviteResult } from './explain.ts';
import { lookUp, type StoreEnd, storeInvite, throwIfNotAcceptable } from './identity.ts';
import { invite } from './invite.ts';
import { consumeForAddress } from './limits.ts';
import { decideAddressByPolicies } from './policies.ts';
import { readState } from './read.ts';
import { addressInUse, addressInviteUnderWay, toMatrixError } from './refusals.ts';
import { startRun } from './run.ts';

/**
 * Invites the owner of an address: the user who has it, or else whoever proves to own it later.
 *
 * The order is a promise: no identity server is asked about an address before the room's rules and the limits allow it,
 * and no email is sent before the policies allow it and the address is claimed.
 *
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export function inviteByAddress<R extends Requester>(run: AddressRun<R>): Promise<AddressInviteResult> {
  const result = inviteUntilDone(run);
  run.config.background.add(result);
  return result;
}

async function inviteUntilDone<R extends Requester>(run: AddressRun<R>): Promise<AddressInviteResult> {
  const { config, log } = run;
  const { deadlineMs, thirdParty, background } = config;
  const snapshot = await inTime(run, deadlineMs, (deadline) => snapshotIfAllowed(run, deadline));
  return inTime(run, thirdParty.timeoutMs, async (calls) => {
    const userId = await lookUp(run, calls);
    if (userId !== undefined) return inviteUser(run, userId);
    const claim = await inTime(run, deadlineMs, (deadline) => claimIfAllowed(run, snapshot, deadline));
    if (claim.outcome !== 'claimed') return claim;
    const room = detailsOf(snapshot, run.requester.userId);
    const end = await storeInvite(run, room, calls, (late) => {
      const completed = late.then((lateEnd) => complete(run, claim, lateEnd));
      background.add(completed.catch((err: unknown) => log.warn({ err }, 'A late invite by address failed')));
    });
    const result = await complete(run, claim, end);
    if (result !== undefined) return result;
    const owner = await lookUp(run, calls);
    if (owner === undefined) throw addressInUse();
    return inviteUser(run, owner);
  });
}

/**
 * Completes an invite that was stored for its address: makes the claim durable, and puts the event into the room.
 *
 * @returns undefined if a user has the address by now
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
async function complete<R extends Requester>(
  run: AddressRun<R>,
  claim: Claim,
  end: StoreEnd,
): Promise<AddressInviteResult | undefined> {
  if (end.outcome === 'stored') {
    // The email is out, so a caller who waits no longer ends nothing.
    const unaborted = { trace: run.trace, signal: undefined };
    return inTime(unaborted, run.config.deadlineMs, async (deadline) => {
      const invite = await settleAddress(run, claim, end.invite, deadline);
      const result = await appendForAddress(run, invite, deadline);
      // Another request has settled first, and its invite has been revoked since.
      if (!isRefused(result) && result.outcome === 'revoked') throw addressInviteUnderWay();
      return result;
    });
  }
  await releaseAddress(run, claim);
  if (end.outcome === 'refused') throw end.error;
  return undefined;
}

/**
 * Runs steps with a deadline of their own: the calls to an identity server may take longer than those to the host's
 * store.
 *
 * @throws {MatrixError} (rejects) the steps' refusal, or their failure
 */
async function inTime<Result extends object>(
  { trace, signal }: Pick<AddressRun, 'trace' | 'signal'>,
  milliseconds: number,
  steps: (deadline: Deadline) => Promise<Result | Refused>,
): Promise<Result> {
  const deadline = new Deadline(milliseconds, signal);
  let refusal: Refused | undefined;
  try {
    const result = await steps(deadline);
    if (!isRefused(result)) return result;
    refusal = result;
  } catch (error) {
    throw toMatrixError(error);
  } finally {
    endRun({ deadline, trace, tries: trace.tries }, refusal);
  }
  throw refusal.error;
}

/** Returns the state of the room, if its rules, the identity server and the limits allow the invite. */
async function snapshotIfAllowed<R extends Requester>(
  run: AddressRun<R>,
  deadline: Deadline,
): Promise<StateSnapshot | Refused> {
  const { config, requester, key } = run;
  throwIfNotAcceptable(run);
  const keys = [
    ...inviteStateKeys(requester.userId, undefined),
    ...DETAIL_KEYS,
    ...listedKeysOf(config.policies),
  ];
  const read = await readState({ config, request: key, deadline }, keys);
  if (read.kind === 'refused') return read;
  const decision = decideForAddress(run, read.snapshot);
  if (decision.kind === 'refused') return decision;
  return (await consumeForAddress(config.rateLimit, { requester, ...key }, deadline)) ?? decision.basis;
}

/** A function would need the invitee's user ID. */
function listedKeysOf<R extends Requester>(policies: readonly InvitePolicy<R>[]): readonly StateKey[] {
  return policies.flatMap(({ stateKeys }) => (typeof stateKeys === 'function' ? [] : (stateKeys ?? [])));
}

/** Asks the policies, and claims the address. */
async function claimIfAllowed<R extends Requester>(
  run: AddressRun<R>,
  snapshot: StateSnapshot,
  deadline: Deadline,
) {
  const { config, log, requester, invite, key } = run;
  const request = { requester, roomId: key.roomId, medium: invite.medium, address: invite.address };
  const against = await decideAddressByPolicies({ config, deadline, log }, request, snapshot);
  if (against === undefined) return claimAddress(run, deadline);
  if (isRefused(against)) return against;
  run.trace.policy = against.policy;
  return { outcome: 'dropped' } as const;
}

/** Invites the user who has the address. The limits of the inviter and the room have been consumed. */
function inviteUser<R extends Requester>(
  { config, requester, key: { roomId }, trace, log, signal }: AddressRun<R>,
  userId: string,
): Promise<InviteResult> {
  return invite(
    startRun(
      config,
      { requester, roomId, userId },
      { trace, log, signal, resend: false, isInviterCounted: true },
    ),
  );
}
