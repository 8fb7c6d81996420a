import type { JsonObject } from '../rooms/event.ts';
import type { CallContext } from './context.ts';

/** The public profile of a user. */
export type Profile = { readonly displayname?: string; readonly avatar_url?: string };

/** A host's users. Each function is optional, and is called for users of this server only. */
export interface UserDirectory {
  /**
   * Resolves true if the user exists and is active. Anything else refuses the invite with 403 `M_FORBIDDEN`. Default:
   * every user exists.
   */
  exists?(userId: string, context: CallContext): Promise<boolean>;
  /**
   * Returns the profile to put into the invite: always the invitee's. If it fails, the invite is sent without one.
   * Default: none.
   */
  getProfile?(userId: string, context: CallContext): Promise<Profile | undefined>;
  /**
   * Returns the user's global account data of this type. `m.invite_permission_config` with `default_action: "block"`
   * refuses the invite with 403 `M_INVITE_BLOCKED`. Default: none.
   */
  getAccountData?(userId: string, type: string, context: CallContext): Promise<JsonObject | undefined>;
}
