import { MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InvitePolicy, PolicyRefusal, PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { StateKey, StrippedStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import { decideInvite, inviteStateKeys } from '../rooms/invite-rule.ts';
import type { Deadline } from './deadline.ts';
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
 * The state that an invite is judged by: what the room's rules need, and what policies ask for.
 *
 * @throws {MatrixError} when a policy fails to say what it needs
 */
export function keysToRead<R extends Requester>(
  { policies, logger }: ServiceSetting<R>,
  request: PolicyRequest<R>,
  trace: InviteTrace,
): StateKey[] {
  const keys = inviteStateKeys(request.requester.userId, request.userId);
  for (const policy of policies) {
    for (const key of keysOf(policy, request, logger, trace)) {
      if (!keys.some(({ type, state_key }) => type === key.type && state_key === key.state_key))
        keys.push(key);
    }
  }
  return keys;
}

function keysOf<R extends Requester>(
  policy: InvitePolicy<R>,
  request: PolicyRequest<R>,
  logger: Logger,
  trace: InviteTrace,
): readonly StateKey[] {
  if (typeof policy.stateKeys !== 'function') return policy.stateKeys ?? [];
  try {
    return [...policy.stateKeys(request)];
  } catch (err) {
    trace.policy = policy.name;
    throw refusalOf(policyFailed(policy.name, err, logger));
  }
}

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
  return askPolicies(setting, { ...request, state: snapshot }, deadline, trace);
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

async function askPolicies<R extends Requester>(
  { policies, logger }: ServiceSetting<R>,
  request: PolicyRequest<R> & { readonly state: StateSnapshot },
  deadline: Deadline,
  trace: InviteTrace,
): Promise<Judgement> {
  for (const policy of policies) {
    const decision = await deadline
      .call((context) => policy.decide(request, context))
      .catch((err: unknown) => policyFailed(policy.name, err, logger));
    if (decision === undefined) continue;
    trace.policy = policy.name;
    if (decision === 'drop') return { verdict: 'drop' };
    throw refusalOf(isRefusal(decision) ? decision : policyFailed(policy.name, undefined, logger));
  }
  return { verdict: 'append', basis: request.state };
}

/** Fails closed: who cannot be judged is refused. */
function policyFailed(policy: string, err: unknown, logger: Logger): PolicyRefusal {
  logger.error({ err, policy }, 'A policy failed, or gave no answer that makes sense: the invite is refused');
  return { message: 'The invite could not be checked' };
}

function isRefusal(decision: unknown): decision is PolicyRefusal {
  if (typeof decision !== 'object' || decision === null) return false;
  const { status = 403, errcode = '', message } = decision as Partial<PolicyRefusal>;
  return (
    Number.isInteger(status) &&
    status >= 400 &&
    status <= 599 &&
    typeof errcode === 'string' &&
    typeof message === 'string'
  );
}

function refusalOf({
  status = 403,
  errcode = 'M_FORBIDDEN',
  message,
  fields = {},
}: PolicyRefusal): MatrixError {
  return new MatrixError(status, errcode, message, { fields });
}
