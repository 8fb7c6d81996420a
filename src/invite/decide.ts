import { printable } from '../internal/printable.ts';
import { handleRejection } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { decideInvite, type InviteDecision } from '../rooms/invite-rule.ts';
import type { ServiceConfig } from './config.ts';
import { type Decision, type Refused, refused } from './decision.ts';
import { decideByPolicies } from './policies.ts';
import {
  hostFailure,
  inviteBlocked,
  inviteeOfAnotherServer,
  inviteeUnknown,
  refusedByRoom,
} from './refusals.ts';
import { isConcerned, isLocalInvitee, remoteObjection } from './remote.ts';
import type { Run } from './run.ts';

/**
 * Decides an invite on one snapshot of the room: checks the room's rules first, then the invitee, then the host's
 * policies. It changes nothing, so it can be repeated when the room has changed.
 *
 * Synchronous when no `users` or `policies` are configured: awaiting steps that do nothing cost a tenth of an invite in
 * memory.
 *
 * @throws (or rejects) when a host function fails or is late
 */
export function decide<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot | undefined,
): Decision | Promise<Decision> {
  const { config, resend } = run;
  if (snapshot === undefined) return roomUnknown(run);
  const byRules = decideByRules(run, snapshot);
  if (byRules.kind === 'refused') return byRules;
  const decision: Decision = resend ? { kind: 'append', basis: snapshot } : byRules;
  const isHostAsked = config.users !== undefined || config.policies.length > 0;
  return isHostAsked ? decideByHost(run, snapshot, decision) : decision;
}

/**
 * Decides without the host's users and policies: by the room's own rules, and whether this server can invite the invitee
 * at all. Sets whether `federation` makes the invite.
 *
 * @throws {Error} for a room without a create event, and what `federation` throws
 */
export function decideByRules<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot,
): Exclude<Decision, { readonly kind: 'drop' }> {
  const { federation } = run.config;
  const byRoom = decideByRoom(run, snapshot);
  if (byRoom.kind === 'refused') return byRoom;
  if (federation !== undefined) {
    run.isFederated = isConcerned(run, federation, snapshot);
    if (run.isFederated) return remoteObjection(run, federation, snapshot) ?? byRoom;
  }
  return isLocalInvitee(run) ? byRoom : refused({ by: 'invitee' }, inviteeOfAnotherServer());
}

/** Decides by the room's own rules whether the requester may invite the owner of an address. */
export function decideForAddress<R extends Requester>(
  run: Pick<Run<R>, 'config' | 'log'> & { readonly requester: R },
  snapshot: StateSnapshot | undefined,
): Extract<Decision, { readonly kind: 'append' | 'refused' }> {
  if (snapshot === undefined) return roomUnknown(run);
  const decision = decideInvite(snapshot.events, run.requester.userId, undefined);
  return decision.decision === 'refused' || decision.decision === 'createEventMissing'
    ? notAllowed(run, snapshot, decision)
    : { kind: 'append', basis: snapshot };
}

/** Applies the room's own rules. */
function decideByRoom<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot,
): Exclude<Decision, { readonly kind: 'drop' }> {
  const decision = decideInvite(snapshot.events, run.request.requester.userId, run.request.userId);
  switch (decision.decision) {
    case 'allowed':
      return { kind: 'append', basis: snapshot };
    case 'alreadyInvited':
      return { kind: 'alreadyInvited', invite: decision.invite };
    default:
      return notAllowed(run, snapshot, decision);
  }
}

/** @throws {Error} for a room without a create event */
function notAllowed<R extends Requester>(
  { config, log, isRemembered }: Pick<Run<R>, 'config' | 'log' | 'isRemembered'>,
  { roomId }: StateSnapshot,
  decision: Extract<InviteDecision, { readonly decision: 'refused' | 'createEventMissing' }>,
): Refused {
  if (decision.decision === 'createEventMissing') {
    throw new Error(
      `The storage adapter returned a room without an m.room.create event: ${printable(roomId)}`,
    );
  }
  const { reason } = decision;
  if (reason === 'powerLevelUnreadable' && !isRemembered) {
    log.warn({ roomId }, 'A power level of the room cannot be read');
  }
  return refused({ by: 'room', reason }, refusedByRoom(reason, config.reasonCodes));
}

/** The response is that for an inviter who has not joined. Only the host's own log and metrics tell the two apart. */
export function roomUnknown<R extends Requester>({ config }: Pick<Run<R>, 'config'>): Refused {
  const reason = 'roomUnknownOrInviterNotJoined';
  const error = refusedByRoom(reason, config.reasonCodes);
  return refused({ by: 'room', reason, isRoomUnknown: true }, error);
}

/** Asks the host's policies, and its users about one of them. */
async function decideByHost<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot,
  decision: Decision,
): Promise<Decision> {
  const isLocal = isLocalInvitee(run);
  if (isLocal && (await isInviteBlocked(run))) return refused({ by: 'invitee' }, inviteBlocked());
  if (decision.kind === 'alreadyInvited') return decision;
  if (isLocal && !(await inviteeExists(run))) return refused({ by: 'invitee' }, inviteeUnknown());
  return decideByPolicies(run, snapshot);
}

type InviteeRun<R extends Requester> = Pick<Run<R>, 'deadline'> & {
  readonly config: Pick<ServiceConfig<R>, 'users'>;
  readonly request: { readonly userId: string };
};

const INVITE_PERMISSION_TYPE = 'm.invite_permission_config';

/**
 * The invite permission module: any value of `default_action` other than `block` allows invites.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#invite-permission
 */
export async function isInviteBlocked<R extends Requester>({
  config: { users },
  request: { userId },
  deadline,
}: InviteeRun<R>): Promise<boolean> {
  if (users?.getAccountData === undefined) return false;
  const permission = await deadline
    .call('getAccountData', (context) => users.getAccountData?.(userId, INVITE_PERMISSION_TYPE, context))
    .catch(failAsHost);
  handleRejection(permission?.default_action);
  return permission?.default_action === 'block';
}

export async function inviteeExists<R extends Requester>({
  config: { users },
  request: { userId },
  deadline,
}: InviteeRun<R>): Promise<boolean> {
  if (users?.exists === undefined) return true;
  const exists = await deadline
    .call('exists', (context) => users.exists?.(userId, context))
    .catch(failAsHost);
  return exists === true;
}

function failAsHost(cause: unknown): never {
  throw hostFailure(cause);
}
