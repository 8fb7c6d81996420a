import { setTimeout as delay } from 'node:timers/promises';
import type { RemoteInvite, RemoteInvites } from '../../ports/remote-invites.ts';
import type { StateSnapshot, StorageAdapter } from '../../ports/storage.ts';
import type { NewStateEvent } from '../../rooms/event.ts';
import { inviteStateKeys } from '../../rooms/invite-rule.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { check } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** An adapter for remote invites, and the store of the rooms. */
export type RemoteInvitesInstance = {
  readonly federation: RemoteInvites;
  readonly storage: Pick<StorageAdapter, 'readState'>;
};

/**
 * How the other server responds to invites.
 * - `accept`: at once
 * - `refuse`: at once, for good
 * - `wait`: not until another behavior is set. It then responds to the waiting invites in that way, too.
 */
export type RemoteBehavior = 'accept' | 'refuse' | 'wait';

/** The view that the contract has of an adapter for remote invites, its store and another server. */
export type RemoteInvitesHarness = RemoteInvitesInstance & {
  /**
   * Creates a room with a joined user of this server who may invite, and another user of another server, which accepts
   * invites. Returns the IDs. None of them has been used before.
   */
  createInvite(): Promise<RemoteInvite>;
  /** Stores a membership as the host app would: a kick, a leave, an invite. */
  setMember(roomId: string, userId: string, membership: string): Promise<unknown>;
  /** Returns how many times the other server was asked to accept an invite of the user. */
  asked(userId: string): Promise<number>;
  /** Returns how many invites of the user the room has ever stored. */
  stored(roomId: string, userId: string): Promise<number>;
  /** Changes how the other server responds to invites. It starts with `accept`. */
  behave?(behavior: RemoteBehavior): Promise<unknown>;
  /** Returns another adapter on the same store, like an adapter in another process. */
  secondInstance?(): Promise<RemoteInvitesInstance>;
  /** Crashes the process of the adapter, and returns an adapter on what is left of its store. */
  crash?(): Promise<RemoteInvitesInstance>;
  /** Returns an adapter whose store cannot be reached. */
  unreachable?(): Promise<RemoteInvites>;
  /** Declares that the adapter has `unfinished`. */
  readonly unfinished?: boolean | undefined;
  /** Lets enough time pass that `unfinished` returns the invites of a crashed process. Default: no time is needed. */
  passTime?(): Promise<unknown>;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the contract. */
export const remoteCase: DefineCase<RemoteInvitesHarness> = caseMaker();

/** Returns the event of an invite. */
export function eventOf({ roomId, sender, userId }: RemoteInvite, reason = 'Join us 🎉'): NewStateEvent {
  return {
    room_id: roomId,
    type: 'm.room.member',
    state_key: userId,
    sender,
    origin_server_ts: Date.now(),
    content: { membership: 'invite', reason },
  };
}

/** Reads the state that decides an invite. */
export async function basisOf(
  { federation, storage }: RemoteInvitesInstance,
  invite: RemoteInvite,
): Promise<StateSnapshot> {
  const keys = [...inviteStateKeys(invite.sender, invite.userId), ...federation.stateKeys(invite)];
  const basis = await storage.readState(invite.roomId, keys, deadlineContext());
  check(basis !== undefined, 'readState resolved undefined for the room of createInvite');
  return basis;
}

/** Calls `invite` with the state that is current now. */
export async function inviteNow(
  instance: RemoteInvitesInstance,
  invite: RemoteInvite,
  event: NewStateEvent = eventOf(invite),
): ReturnType<RemoteInvites['invite']> {
  return instance.federation.invite(event, await basisOf(instance, invite), deadlineContext());
}

/** Calls `invite`, which must resolve `appended`. Returns the event ID. */
export async function appended(
  instance: RemoteInvitesInstance,
  invite: RemoteInvite,
  event: NewStateEvent = eventOf(invite),
): Promise<string | undefined> {
  const result = await inviteNow(instance, invite, event);
  check(result.outcome === 'appended', `invite resolved ${result.outcome} for an invite that was accepted`);
  return result.eventId;
}

/** Returns the invitee's current member event. */
export async function memberOf(
  { storage }: RemoteInvitesInstance,
  { roomId, userId }: RemoteInvite,
): Promise<StateSnapshot['events'][number] | undefined> {
  const snapshot = await storage.readState(roomId, [memberKey(userId)], deadlineContext());
  return snapshot?.events[0];
}

/** The maximum time for what must not wait for the other server, in milliseconds. */
export const MAX_WAIT_MS = 10_000;

/** Starts an invite whose outcome the case may never see. */
export function startInvite(
  instance: RemoteInvitesInstance,
  invite: RemoteInvite,
  event?: NewStateEvent,
): ReturnType<RemoteInvites['invite']> {
  const result = inviteNow(instance, invite, event);
  result.catch(() => undefined);
  return result;
}

/** Resolves once the other server was asked about the invite. */
export async function untilAsked(
  { asked }: Pick<RemoteInvitesHarness, 'asked'>,
  { userId }: RemoteInvite,
): Promise<void> {
  const endsAt = Date.now() + MAX_WAIT_MS;
  while ((await asked(userId)) === 0) {
    check(Date.now() < endsAt, `the other server was not asked within ${MAX_WAIT_MS} ms`);
    await delay(5);
  }
}

/** Returns the invites of these rooms that `unfinished` returns, in its order. */
export async function unfinishedIn(
  { federation }: RemoteInvitesInstance,
  invites: readonly RemoteInvite[],
): Promise<NewStateEvent[]> {
  const found: NewStateEvent[] = [];
  for await (const { event } of federation.unfinished?.(deadlineContext()) ?? []) {
    if (invites.some(({ roomId }) => roomId === event.room_id)) found.push(event);
  }
  return found;
}

/** Returns the parts of an event that make two calls equal. */
export function callOf({ room_id, sender, state_key, content }: NewStateEvent) {
  return { room_id, sender, state_key, content };
}
