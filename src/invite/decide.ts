import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { StrippedStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import { decideInvite, type InviteRefusalReason } from '../rooms/invite-rule.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import { askPolicies } from './policies.ts';
import {
  inviteBlocked,
  inviteeOfAnotherServer,
  inviteeUnknown,
  refusedByRoom,
  unavailable,
} from './refusals.ts';
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
 * It waits for nobody where nobody else is asked. Such steps, all those that are entered for nothing, were a tenth of an
 * invite in memory.
 *
 * @param resend whether a pending invite is judged like a new one
 * @throws {MatrixError} the refusal, at once or by rejecting
 */
export function judge<R extends Requester>(
  setting: ServiceSetting<R>,
  request: PolicyRequest<R>,
  snapshot: StateSnapshot | undefined,
  deadline: Deadline,
  trace: InviteTrace,
  resend: boolean,
): Judgement | Promise<Judgement> {
  if (snapshot === undefined) return refuse(setting, 'roomUnknownOrInviterNotJoined', trace);
  const invite = askRoom(setting, request, snapshot, trace);
  if (!setting.serverNames.has(domainOf(request.userId) ?? '')) throw inviteeOfAnotherServer();
  const pending = resend ? undefined : invite;
  const isHostAsked = setting.users !== undefined || setting.policies.length > 0;
  if (isHostAsked) return askHost(setting, request, snapshot, pending, deadline, trace);
  return pending === undefined
    ? { verdict: 'append', basis: snapshot }
    : { verdict: 'alreadyInvited', invite: pending };
}

/** Asks the host's users and policies. */
async function askHost<R extends Requester>(
  setting: ServiceSetting<R>,
  request: PolicyRequest<R>,
  snapshot: StateSnapshot,
  pending: StrippedStateEvent | undefined,
  deadline: Deadline,
  trace: InviteTrace,
): Promise<Judgement> {
  const { userId } = request;
  await refuseBlocked(setting, userId, deadline);
  if (pending !== undefined) return { verdict: 'alreadyInvited', invite: pending };
  await refuseUnknown(setting, userId, deadline);
  const objection = await askPolicies(setting, { ...request, state: snapshot }, deadline, trace);
  return objection === 'drop' ? { verdict: 'drop' } : { verdict: 'append', basis: snapshot };
}

/** Asks the room's own rules. Returns the invite that is pending already, if there is one. */
function askRoom<R extends Requester>(
  setting: ServiceSetting<R>,
  { requester, userId }: PolicyRequest<R>,
  { roomId, events }: StateSnapshot,
  trace: InviteTrace,
): StrippedStateEvent | undefined {
  const decision = decideInvite(events, requester.userId, userId);
  switch (decision.decision) {
    case 'allowed':
      return undefined;
    case 'alreadyInvited':
      return decision.invite;
    case 'createEventMissing':
      throw new Error(`The storage adapter returned a room without an m.room.create event: ${roomId}`);
    case 'refused':
      if (decision.reason === 'powerLevelUnreadable') {
        setting.logger.warn({ roomId }, 'A power level of the room cannot be read');
      }
      return refuse(setting, decision.reason, trace);
  }
}

function refuse<R extends Requester>(
  { reasonCodes }: ServiceSetting<R>,
  reason: InviteRefusalReason,
  trace: InviteTrace,
): never {
  trace.reason = reason;
  throw refusedByRoom(reason, reasonCodes);
}

/** Invite permission module: any other value of `default_action` means that invites are welcome. */
async function refuseBlocked<R extends Requester>(
  { users }: ServiceSetting<R>,
  userId: string,
  deadline: Deadline,
): Promise<void> {
  if (users?.getAccountData === undefined) return;
  const config = await deadline
    .call('getAccountData', (context) => users.getAccountData?.(userId, INVITE_PERMISSION_TYPE, context))
    .catch(failAsOutage);
  if (config?.default_action === 'block') throw inviteBlocked();
}

async function refuseUnknown<R extends Requester>(
  { users }: ServiceSetting<R>,
  userId: string,
  deadline: Deadline,
): Promise<void> {
  if (users?.exists === undefined) return;
  const exists = await deadline
    .call('exists', (context) => users.exists?.(userId, context))
    .catch(failAsOutage);
  if (exists !== true) throw inviteeUnknown();
}

function failAsOutage(cause: unknown): never {
  throw unavailable(cause);
}
