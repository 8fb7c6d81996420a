import { refusedByRoom } from '../../../src/invite/refusals.ts';
import { decideInvite, inviteStateKeys } from '../../../src/rooms/invite-rule.ts';
import { type Anomaly, type Answer, type Call, tagOf } from '../history.ts';
import type { Moments } from './moments.ts';
import type { RoomStates, Stretch } from './room-states.ts';

/** What a call answered that no room has. */
const NO_SUCH_ROOM = refusedByRoom('roomUnknownOrInviterNotJoined', true);

/**
 * Holds every definite answer of one room's invites against the states that may have been current within its call.
 *
 * An answer that only some of them explain tells in turn when these were current, which narrows the moments of the
 * events between them, and with them the states that explain other answers: so a call cannot be excused by a state
 * that an earlier call has already seen gone. It goes on until nothing more is learned; since bounds only ever
 * move to one of the calls' times, that ends.
 */
export function unexplained(states: RoomStates, moments: Moments, calls: readonly Call[]): Anomaly[] {
  const definite = calls.filter(
    ({ kind, answer }) => kind === 'invite' && answer !== undefined && isDefinite(answer),
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

/** As {@link unexplained}, for a room that does not exist. */
export function unexplainedWithoutRoom(calls: readonly Call[]): Anomaly[] {
  return calls
    .filter(({ kind, answer }) => kind === 'invite' && answer !== undefined && isDefinite(answer))
    .filter(({ answer }) => answer !== undefined && !isSameAnswer(answer, NO_SUCH_ROOM))
    .map((call) => ({
      kind: 'unexplainedRefusal',
      roomId: call.roomId,
      text: `${tell(call)}, without a room`,
    }));
}

/** Answers that tell of the room; the others tell of limits and failures. */
function isDefinite({ status }: Answer): boolean {
  return status === 200 || status === 400 || status === 403;
}

/** From the first to the last state that explains a call's answer; `undefined` where there is none. */
function explaining(states: RoomStates, moments: Moments, call: Call): Stretch | undefined {
  const keys = inviteStateKeys(call.sender, call.key.state_key);
  const parts = states
    .parts(moments.statesWithin(call.sentAt, call.endedAt), keys)
    .filter(({ from }) => explains(states, moments, from, call));
  const [first, last] = [parts[0], parts.at(-1)];
  return first && last && { from: first.from, to: last.to };
}

function explains(states: RoomStates, moments: Moments, n: number, call: Call): boolean {
  const { sender, key, answer } = call;
  if (answer === undefined) return true;
  const verdict = decideInvite(states.at(n, inviteStateKeys(sender, key.state_key)), sender, key.state_key);
  if (answer.status !== 200) {
    return verdict.decision === 'refused' && isSameAnswer(answer, refusedByRoom(verdict.reason, true));
  }
  return verdict.decision === 'alreadyInvited' || isOwnInvite(states, moments, n, call);
}

/** Whether the invitee's membership in state `n` is an event that this call may have stored. */
function isOwnInvite(
  states: RoomStates,
  moments: Moments,
  n: number,
  { sender, key, content, sentAt }: Call,
): boolean {
  const [member] = states.at(n, [key]);
  if (member === undefined || member.sender !== sender || tagOf(member.content) !== tagOf(content))
    return false;
  // It may also be of a call with the same tag that was over before this one.
  return moments.latest(states.positionAt(n, key)) >= sentAt;
}

function isSameAnswer(
  { status, errcode, text }: Answer,
  refusal: { status: number; errcode: string; message: string },
): boolean {
  return status === refusal.status && errcode === refusal.errcode && text === refusal.message;
}

function anomaly(call: Call, states: RoomStates, moments: Moments): Anomaly {
  const { from, to } = moments.statesWithin(call.sentAt, call.endedAt);
  const verdicts = states
    .parts({ from, to }, inviteStateKeys(call.sender, call.key.state_key))
    .map((part) => JSON.stringify(verdictAt(states, part.from, call)));
  return {
    kind: call.answer?.status === 200 ? 'answeredWithoutEvent' : 'unexplainedRefusal',
    roomId: call.roomId,
    text: `${tell(call)}; the states ${from} to ${to} say ${verdicts.join(', ')}`,
  };
}

function verdictAt(states: RoomStates, n: number, { sender, key }: Call) {
  return decideInvite(states.at(n, inviteStateKeys(sender, key.state_key)), sender, key.state_key);
}

function tell({ id, sender, key, answer, sentAt, endedAt }: Call): string {
  const what =
    answer === undefined ? 'nothing' : `${answer.status} ${answer.errcode ?? ''} ${answer.text ?? ''}`;
  return `call ${id}, ${sender} invites ${key.state_key}, from ${sentAt} to ${endedAt}: ${what}`;
}
