import type { Validator } from '../validation.ts';

export const isInviteByUserId: Validator<{ user_id: string; reason?: string }>;
export const isRoomId: Validator<string>;
