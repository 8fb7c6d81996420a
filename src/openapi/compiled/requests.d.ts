import type { Validator } from '../validation.ts';

export const isInviteByThirdPartyId: Validator<{
  id_server: string;
  id_access_token: string;
  medium: string;
  address: string;
}>;
export const isInviteByUserId: Validator<{ user_id: string; reason?: string }>;
export const isRoomId: Validator<string>;
