import type { JsonObject } from '../rooms/event.ts';
import { isOnBind, isOnBindInvite } from './compiled/on-bind.js';
import { invalid, type Verdict } from './validators.ts';

/** The fields that are read from the body of an `onbind`. All others are ignored. */
export type OnBindBody = {
  mxid: string;
  /** Those of its invites that are valid, and the number of the others. */
  invites: OnBindInviteBody[];
  invalidInvites: number;
};

type OnBindInviteBody = { room_id: string; sender: string; signed: JsonObject };

/** Validates a parsed body. A broken invite in it does not hold up the others. */
export function validateOnBind(body: unknown): Verdict<OnBindBody> {
  if (!isOnBind(body)) return invalid(isOnBind.errors ?? [], { whole: 'the body', identifier: 'user ID' });
  const { mxid, invites: all = [] } = body;
  const invites = all.filter(isOnBindInvite);
  return { valid: true, value: { mxid, invites, invalidInvites: all.length - invites.length } };
}
