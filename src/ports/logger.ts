/** The part of pino's interface that is used: what is known first, then the text. */
export interface Logger {
  /** Nothing is told at this level yet. */
  debug(details: object, message: string): void;
  /** Invites that were made, and refusals: daily business. */
  info(details: object, message: string): void;
  /** What passes by itself: a store that is down, an invite without its profile. */
  warn(details: object, message: string): void;
  /** What does not: faults of the program, `onInvite` that failed. */
  error(details: object, message: string): void;
}
