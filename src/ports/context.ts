/** What every call of a port gets last. */
export type CallContext = {
  /**
   * Aborted when the caller's deadline is over. It may end a wait (for a connection, for a lock); it must
   * never tear a write that has started.
   */
  readonly signal: AbortSignal;
};
