import type { IncomingMessage } from 'node:http';
import type { CallContext } from './context.ts';

/** The user who sends a request. A host may add its own fields, which policies see. */
export type Requester = {
  /** The full Matrix user ID, `@localpart:domain`, of a user of this server. */
  readonly userId: string;
  /** Guests may not invite: 403 `M_GUEST_ACCESS_FORBIDDEN`. Default false. */
  readonly isGuest?: boolean | undefined;
  /** Suspended accounts may not invite: 403 `M_USER_SUSPENDED`. Default false. */
  readonly isSuspended?: boolean | undefined;
  /**
   * True if no rate limit applies, as for users of an application service with `rate_limited: false`. Default false.
   */
  readonly isRateLimitExempt?: boolean | undefined;
};

/** The credentials of a request. */
export type AuthRequest = {
  /** The access token, never empty. It is a secret: it must not reach a log. */
  readonly accessToken: string;
  /** `?user_id=`: the user that an application service asserts. An adapter for ordinary tokens ignores it. */
  readonly assertedUserId?: string;
  /** `?device_id=`: the device that an application service asserts. An adapter for ordinary tokens ignores it. */
  readonly assertedDeviceId?: string;
  /** The request itself, for hosts that need more of it, such as a client certificate. */
  readonly request: IncomingMessage;
};

/**
 * The reason why a request has no requester.
 * - `unknown`: 401 `M_UNKNOWN_TOKEN` (for a session: 401 `M_MISSING_TOKEN`)
 * - `expired`: 401 `M_UNKNOWN_TOKEN` with `soft_logout: true`
 * - `locked`: 401 `M_USER_LOCKED` with `soft_logout: true`
 * - `forbidden`: 403 `M_FORBIDDEN` (an application service outside its namespace)
 * - `unknownDevice`: 400 `M_UNKNOWN_DEVICE`
 */
export type AuthFailure = 'unknown' | 'expired' | 'locked' | 'forbidden' | 'unknownDevice';

/** The owner of a token, or the reason why there is none. */
export type AuthResult<R extends Requester = Requester> =
  | { readonly requester: R }
  | { readonly failure: AuthFailure };

/** Authenticates requests by access token. */
export interface AuthAdapter<R extends Requester = Requester> {
  /**
   * Looks up the owner of a token.
   *
   * 1. A known token resolves its requester, with a full user ID.
   * 2. An unknown token resolves `{ failure: 'unknown' }`. It never rejects, and never matches a part of a token, or
   *    another case or Unicode form of it.
   * 3. Concurrent calls do not mix up their requesters.
   * 4. It rejects only when it cannot tell (its own store is down): a 503, never a 401, since a 401 logs clients out.
   * 5. A token belongs to its owner whatever the request asserts: only an application service's own token acts as the
   *    user in `assertedUserId`.
   */
  authenticate(request: AuthRequest, context: CallContext): Promise<AuthResult<R>>;
}

/** Authenticates requests without a token, for example by a cookie session or through Passport. */
export type SessionAuth<R extends Requester = Requester> = {
  /**
   * Called when a request has no token, and only if its `Origin` is absent or one of `allowedOrigins`. Resolves
   * `undefined` (or `null`) when nobody is logged in.
   */
  authenticate(request: IncomingMessage, context: CallContext): Promise<AuthResult<R> | undefined | null>;
  /**
   * The origins (`https://chat.example.org`, no path) whose pages may use the session, including the host's own:
   * browsers send `Origin` with every cross-site POST, and a cookie alone proves nothing.
   */
  readonly allowedOrigins: readonly string[];
};
