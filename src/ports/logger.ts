/** The part of pino's interface that is used: details first, then the message. */
export interface Logger {
  /** Nothing is logged at this level yet. */
  debug(details: object, message: string): void;
  /** Invites and refusals: routine. */
  info(details: object, message: string): void;
  /** Problems that go away on their own: a store that is down, an invite without its profile. */
  warn(details: object, message: string): void;
  /** Problems that do not: bugs, an `onInvite` that failed. */
  error(details: object, message: string): void;
}
