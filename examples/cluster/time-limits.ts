// A machine that is busy with other things needs more patience, as the tests do.
const times = Number(process.env.PATIENCE || 1);

/** How long what may be waited for, in milliseconds. */
export const timeLimits = {
  /** For an invite, once its body is there. */
  deadlineMs: 5_000 * times,
  /** For the OAuth provider to say whose a token is. */
  loginMs: 3_000 * times,
  /** For a connection to PostgreSQL or Redis. */
  connectMs: 2_000 * times,
  /** For PostgreSQL to say that it is well. */
  healthMs: 1_000 * times,
  /** For Redis to count. */
  redisMs: 200 * times,
  /** For a server to be there after its start. */
  startMs: 30_000 * times,
  /** For a process to end in good order; then it is killed. */
  closeMs: 10_000 * times,
} as const;
