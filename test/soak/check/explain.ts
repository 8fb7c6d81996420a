import { refusedByRoom } from '../../../src/invite/refusals.ts';
import { decideInvite, inviteStateKeys } from '../../../src/rooms/invite-rule.ts';
import { type Anomaly, type Call, type CallResponse, tagOf } from '../history.ts';
import type { Moments } from './moments.ts';
import type { RoomStates, StateRange } from './room-states.ts';

/** The response for an unknown room. */
const NO_SUCH_ROOM = refusedByRoom('roomUnknownOrInviterNotJoined', true);

/**
 * Compares every definite response to one room's invites with the states that can have been current during its call.
 *
 * If only some of these states explain the response, it also shows when they were current. That narrows the moments of
 * the events between them, and so the states that explain other responses: a state that an earlier call saw replaced
 * cannot excuse a later call. This repeats until nothing more is learned. It ends because a bound only moves to the
 * start or end of a call.
 */
export function unexplained(states: RoomStates, moments: Moments, calls: readonly Call[]): Anomaly[] {
  const definite = calls.filter(
    ({ kind, response }) => kind === 'invite' && response !== undefined && isDefinite(response),
  );
  for (let learned = true; learned; ) {
    learned = false;
    for (const call of definite) {
      const seen = explaining(states, moments, call);
      if (seen !== undefined && moments.narrow(seen, call.sentAt, call.endedAt)) learned = true;
    }
  }
  return definite
    .filter((call) => explaining(states, moments, call) === undefined)
    .map((call) => anomaly(call, states, moments));
}

/** Like {@link unexplained}, for a room that does not exist. */
export function unexplainedWithoutRoom(calls: readonly Call[]): Anomaly[] {
  return calls
    .filter(({ kind, response }) => kind === 'invite' && response !== undefined && isDefinite(response))
    .filter(({ response }) => response !== undefined && !isSameResponse(response, NO_SUCH_ROOM))
    .map((call) => ({
      kind: 'unexplainedRefusal',
      roomId: call.roomId,
      message: `${describeCall(call)}; the room does not exist`,
    }));
}

/** Returns true for a response that depends on the room's state, not on limits or failures. */
function isDefinite({ status }: CallResponse): boolean {
  return status === 200 || status === 400 || status === 403;
}

/** Returns the range from the first to the last state that explains a call's response, or `undefined`. */
function explaining(states: RoomStates, moments: Moments, call: Call): StateRange | undefined {
  const keys = inviteStateKeys(call.sender, call.key.state_key);
  const parts = states
    .parts(moments.statesWithin(call.sentAt, call.endedAt), keys)
    .filter(({ from }) => explains(states, moments, from, call));
  const [first, last] = [parts[0], parts.at(-1)];
  return first && last && { from: first.from, to: last.to };
}

function explains(states: RoomStates, moments: Moments, n: number, call: Call): boolean {
  const { sender, key, response } = call;
  if (response === undefined) return true;
  const verdict = decideInvite(states.at(n, inviteStateKeys(sender, key.state_key)), sender, key.state_key);
  if (response.status !== 200) {
    return verdict.decision === 'refused' && isSameResponse(response, refusedByRoom(verdict.reason, true));
  }
  return verdict.decision === 'alreadyInvited' || isOwnInvite(states, moments, n, call);
}

/** Returns true if the invitee's membership in state `n` is an event that this call can have stored. */
function isOwnInvite(
  states: RoomStates,
  moments: Moments,
  n: number,
  { sender, key, content, sentAt }: Call,
): boolean {
  const [member] = states.at(n, [key]);
  if (member === undefined || member.sender !== sender || tagOf(member.content) !== tagOf(content))
    return false;
  // It can also belong to a call with the same tag that ended before this one started.
  return moments.latest(states.positionAt(n, key)) >= sentAt;
}

function isSameResponse(
  { status, errcode, message }: CallResponse,
  expected: { status: number; errcode: string; message: string },
): boolean {
  return status === expected.status && errcode === expected.errcode && message === expected.message;
}

function anomaly(call: Call, states: RoomStates, moments: Moments): Anomaly {
  const { from, to } = moments.statesWithin(call.sentAt, call.endedAt);
  const verdicts = states
    .parts({ from, to }, inviteStateKeys(call.sender, call.key.state_key))
    .map((part) => JSON.stringify(verdictAt(states, part.from, call)));
  return {
    kind: call.response?.status === 200 ? 'respondedWithoutEvent' : 'unexplainedRefusal',
    roomId: call.roomId,
    message: `${describeCall(call)}; states ${from} to ${to} lead to ${verdicts.join(', ')}`,
  };
}

function verdictAt(states: RoomStates, n: number, { sender, key }: Call) {
  return decideInvite(states.at(n, inviteStateKeys(sender, key.state_key)), sender, key.state_key);
}

function describeCall({ id, sender, key, response, sentAt, endedAt }: Call): string {
  const outcome =
    response === undefined
      ? 'no response'
      : `${response.status} ${response.errcode ?? ''} ${response.message ?? ''}`;
  return `call ${id}, ${sender} invites ${key.state_key}, from ${sentAt} to ${endedAt}: ${outcome}`;
}
