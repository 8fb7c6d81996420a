// For each message, runs a task with matrix-js-sdk and returns the result.
import { createClient, HttpApiEvent, MatrixError, MatrixEvent, MatrixScheduler } from 'matrix-js-sdk';

const tasks = {
  invite: (params) =>
    resultOf(params, (client) => client.invite(params.roomId, params.userId, params.reason)),

  inviteByEmail: (params) =>
    resultOf(params, (client) => client.inviteByEmail(params.roomId, params.address)),

  inviteByThreePid: (params) =>
    resultOf(params, (client) => client.inviteByThreePid(params.roomId, params.medium, params.address)),

  /** Invites users one after the other through the SDK's own queue, which decides when to retry. */
  async inviteInSequence({ roomId, userIds, ...login }) {
    const client = createClient(login);
    const attempts = [];
    const scheduler = new MatrixScheduler(MatrixScheduler.RETRY_BACKOFF_RATELIMIT, () => 'invites');
    scheduler.setProcessFunction(async (event) => {
      const attempt = { userId: event.getStateKey(), startedAt: performance.now() };
      attempts.push(attempt);
      try {
        return await client.invite(roomId, attempt.userId);
      } catch (error) {
        attempt.error = describeError(error);
        throw error;
      } finally {
        attempt.endedAt = performance.now();
      }
    });
    const event = { type: 'm.room.member', room_id: roomId, content: { membership: 'invite' } };
    await Promise.all(
      userIds.map((state_key) => scheduler.queueEvent(new MatrixEvent({ ...event, state_key }))),
    );
    return attempts;
  },
};

async function resultOf({ baseUrl, accessToken, idBaseUrl, idAccessToken }, call) {
  const identityServer = { getAccessToken: async () => idAccessToken ?? null };
  const client = createClient({ baseUrl, accessToken, idBaseUrl, identityServer });
  const logouts = [];
  client.on(HttpApiEvent.SessionLoggedOut, (error) => logouts.push(error.data));
  try {
    return { result: await call(client), logouts };
  } catch (error) {
    return { error: describeError(error), logouts };
  }
}

function describeError(error) {
  if (!(error instanceof MatrixError)) return { notMatrixError: String(error) };
  const { name, errcode, httpStatus, data } = error;
  return {
    name,
    errcode,
    httpStatus,
    data,
    isRateLimitError: error.isRateLimitError(),
    retryAfterMs: error.getRetryAfterMs(),
    /** How long the SDK's queue would wait, or -1 if it would give up. */
    backoffMs: MatrixScheduler.RETRY_BACKOFF_RATELIMIT(null, 1, error),
  };
}

process.on('message', async ({ task, params }) => process.send(await tasks[task](params)));
