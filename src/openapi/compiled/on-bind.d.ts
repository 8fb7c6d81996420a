import type { Validator } from '../validation.ts';

export const isOnBind: Validator<{ mxid: string; invites?: unknown[] }>;
export const isOnBindInvite: Validator<{
  room_id: string;
  sender: string;
  signed: import('../../rooms/event.ts').JsonObject;
}>;
