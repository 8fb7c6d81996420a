// The JSON that the demo's server sends to its page. The page's JavaScript is type-checked against these types.

/** A room as the page shows it. */
export type RoomSummary = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** The power level required to invite. */
  readonly inviteLevel: number;
  /** Members and banned users, then invited users, newest first. Limited to what the page can show. */
  readonly members: readonly Member[];
  /** The total number of members. */
  readonly memberCount: number;
  /** The latest events, newest first. */
  readonly events: readonly RoomEvent[];
  /** The total number of events. */
  readonly eventCount: number;
  /** The first number for which neither `@guest<number>` nor any higher guest has been invited. */
  readonly nextGuest: number;
};

export type Member = {
  readonly userId: string;
  readonly membership: string;
  /** In room version 12, `creator` outranks all power levels. */
  readonly power: number | 'creator';
};

/** An event of a room's timeline. */
export type RoomEvent = {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly type: string;
  readonly sender: string;
  readonly stateKey: string;
  readonly membership?: string;
  readonly membershipBefore?: string;
  /** Written by a user. Show it as text, never as HTML. */
  readonly reason?: string;
  /** `/demo/reason` has all of it. */
  readonly isReasonShortened?: true;
};

/** An example that one button sends. */
export type Case = {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** The inviter's user ID. */
  readonly inviter: string;
  readonly roomId: string;
  /** A user ID, or a new user for each request. */
  readonly invitee: string | 'newGuest';
  /** The number of requests. The page stops at the first refusal. */
  readonly times: number;
};

/** Data that does not change while the demo runs. */
export type Setup = {
  readonly serverName: string;
  /** The maximum number of invites a user may send per minute. */
  readonly invitesPerMinute: number;
  /** All users who can log in, with their access tokens. */
  readonly logins: readonly { readonly userId: string; readonly token: string }[];
  readonly cases: readonly Case[];
};
