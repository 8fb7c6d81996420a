/** The last parameter of every port method. */
export type CallContext = {
  /**
   * Aborted when the caller's deadline is over. It may end a wait (for a connection, for a lock); it must never
   * interrupt a write that has started.
   */
  readonly signal: AbortSignal;
};
