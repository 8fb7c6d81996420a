import type { JsonObject } from '../rooms/event.ts';
import type { CallContext } from './context.ts';

/** What a user shows of themselves. */
export type Profile = { readonly displayname?: string; readonly avatar_url?: string };

/** A host's users. Each function is optional, and is asked about users of this server only. */
export interface UserDirectory {
  /** Anything but `true`: an unknown or deactivated user, whose invite is 403 `M_FORBIDDEN`. Default: everybody exists. */
  exists?(userId: string, context: CallContext): Promise<boolean>;
  /**
   * The profile that goes into the invite: always the invitee's. When it fails, the invite goes without.
   * Default: none.
   */
  getProfile?(userId: string, context: CallContext): Promise<Profile | undefined>;
  /**
   * The user's global account data of that type. `m.invite_permission_config` with `default_action: "block"`
   * refuses the invite with 403 `M_INVITE_BLOCKED`. Default: none.
   */
  getAccountData?(userId: string, type: string, context: CallContext): Promise<JsonObject | undefined>;
}
