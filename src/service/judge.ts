import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { StrippedStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import { decideInvite } from '../rooms/invite-rule.ts';
import type { Deadline } from './deadline.ts';
import { askPolicies } from './policies.ts';
import {
  inviteBlocked,
  inviteeOfAnotherServer,
  inviteeUnknown,
  refusedByRoom,
  unavailable,
} from './refusals.ts';
import type { ServiceSetting } from './setting.ts';
import type { InviteTrace } from './trace.ts';

const INVITE_PERMISSION_TYPE = 'm.invite_permission_config';

/** What is to be done about an invite that nothing refuses. */
export type Judgement =
  | { readonly verdict: 'append'; readonly basis: StateSnapshot }
  | { readonly verdict: 'drop' }
  | { readonly verdict: 'alreadyInvited'; readonly invite: StrippedStateEvent };

/**
 * Judges an invite by one snapshot of the room: the room's rules, then the invitee's wishes, then the host's
 * policies. It changes nothing, so that it can be repeated when the room has moved on.
 *
 * @throws {MatrixError} the refusal
 */
export async function judge<R extends Requester>(
  setting: ServiceSetting<R>,
  request: PolicyRequest<R>,
  snapshot: StateSnapshot | undefined,
  deadline: Deadline,
  trace: InviteTrace,
): Promise<Judgement> {
  const { requester, userId } = request;
  if (snapshot === undefined) throw refusedByRoom('roomUnknownOrInviterNotJoined');
  const decision = decideInvite(snapshot.events, requester.userId, userId);
  if (decision.decision === 'createEventMissing') {
    throw new Error(`The storage adapter returned a room without an m.room.create event: ${snapshot.roomId}`);
  }
  if (decision.decision === 'refused') {
    trace.reason = decision.reason;
    if (decision.reason === 'powerLevelUnreadable') {
      setting.logger.warn({ roomId: snapshot.roomId }, 'A power level of the room cannot be read');
    }
    throw refusedByRoom(decision.reason);
  }
  if (!setting.serverNames.has(domainOf(userId) ?? '')) throw inviteeOfAnotherServer();
  await refuseBlocked(setting, userId, deadline);
  if (decision.decision === 'alreadyInvited') return { verdict: 'alreadyInvited', invite: decision.invite };
  await refuseUnknown(setting, userId, deadline);
  const objection = await askPolicies(setting, { ...request, state: snapshot }, deadline, trace);
  return objection === 'drop' ? { verdict: 'drop' } : { verdict: 'append', basis: snapshot };
}

/** Invite permission module: any other value of `default_action` means that invites are welcome. */
async function refuseBlocked<R extends Requester>(
  { users }: ServiceSetting<R>,
  userId: string,
  deadline: Deadline,
): Promise<void> {
  if (users?.getAccountData === undefined) return;
  const config = await deadline
    .call((context) => users.getAccountData?.(userId, INVITE_PERMISSION_TYPE, context))
    .catch(failAsOutage);
  if (config?.default_action === 'block') throw inviteBlocked();
}

async function refuseUnknown<R extends Requester>(
  { users }: ServiceSetting<R>,
  userId: string,
  deadline: Deadline,
): Promise<void> {
  if (users?.exists === undefined) return;
  const exists = await deadline.call((context) => users.exists?.(userId, context)).catch(failAsOutage);
  if (exists !== true) throw inviteeUnknown();
}

function failAsOutage(cause: unknown): never {
  throw unavailable(cause);
}
