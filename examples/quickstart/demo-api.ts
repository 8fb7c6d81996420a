// What the demo's server tells its page. Types alone: the page's plain JavaScript is checked against them.

/** A room as the page shows it. */
export type RoomSummary = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** The power that inviting takes. */
  readonly inviteLevel: number;
  /** Members and banned users first, then who is invited, the newest first; no more than a page can show. */
  readonly members: readonly Member[];
  /** How many there are. */
  readonly memberCount: number;
  /** The newest first; the last ones only. */
  readonly events: readonly RoomEvent[];
  /** How many there are. */
  readonly eventCount: number;
  /** From this number on, `@guest<number>` has never been invited. */
  readonly nextGuest: number;
};

export type Member = {
  readonly userId: string;
  readonly membership: string;
  /** `creator`: above all levels, in room version 12. */
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
  /** Written by a user: to be shown as text, never as HTML. */
  readonly reason?: string;
};

/** Something to try with one button. */
export type Case = {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** User id of the inviter. */
  readonly as: string;
  readonly roomId: string;
  /** A user id, or somebody new at each request. */
  readonly invitee: string | 'newGuest';
  /** How often it is sent; a refusal ends it. */
  readonly times: number;
};

/** What does not change while the demo runs. */
export type Setup = {
  readonly serverName: string;
  /** How many invites a user may send in a minute. */
  readonly invitesPerMinute: number;
  /** Everybody who can log in, with their access token. */
  readonly logins: readonly { readonly userId: string; readonly token: string }[];
  readonly cases: readonly Case[];
};
