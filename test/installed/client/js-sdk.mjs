// Does with matrix-js-sdk what it is told, and says how that went.
import { createClient, HttpApiEvent, MatrixError, MatrixEvent, MatrixScheduler } from 'matrix-js-sdk';

const tasks = {
  invite: (what) => answerOf(what, (client) => client.invite(what.roomId, what.userId, what.reason)),

  inviteByEmail: (what) => answerOf(what, (client) => client.inviteByEmail(what.roomId, what.address)),

  /** Invites users one after the other, by the SDK's own queue: it repeats what fails when it sees fit. */
  async inviteInTurn({ roomId, userIds, ...login }) {
    const client = createClient(login);
    const attempts = [];
    const scheduler = new MatrixScheduler(MatrixScheduler.RETRY_BACKOFF_RATELIMIT, () => 'invites');
    scheduler.setProcessFunction(async (event) => {
      const attempt = { userId: event.getStateKey(), begun: performance.now() };
      attempts.push(attempt);
      try {
        return await client.invite(roomId, attempt.userId);
      } catch (error) {
        attempt.error = described(error);
        throw error;
      } finally {
        attempt.ended = performance.now();
      }
    });
    const event = { type: 'm.room.member', room_id: roomId, content: { membership: 'invite' } };
    await Promise.all(
      userIds.map((state_key) => scheduler.queueEvent(new MatrixEvent({ ...event, state_key }))),
    );
    return attempts;
  },
};

async function answerOf({ baseUrl, accessToken, idBaseUrl }, call) {
  const client = createClient({ baseUrl, accessToken, idBaseUrl });
  const logouts = [];
  client.on(HttpApiEvent.SessionLoggedOut, (error) => logouts.push(error.data));
  try {
    return { answer: await call(client), logouts };
  } catch (error) {
    return { error: described(error), logouts };
  }
}

function described(error) {
  if (!(error instanceof MatrixError)) return { notTyped: String(error) };
  const { name, errcode, httpStatus, data } = error;
  return {
    name,
    errcode,
    httpStatus,
    data,
    isRateLimitError: error.isRateLimitError(),
    retryAfterMs: error.getRetryAfterMs(),
    /** What the SDK's queue would do: wait so long, or give up (-1). */
    backoffMs: MatrixScheduler.RETRY_BACKOFF_RATELIMIT(null, 1, error),
  };
}

process.on('message', async ({ task, what }) => process.send(await tasks[task](what)));
