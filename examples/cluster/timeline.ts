import type { RequestHandler } from 'express';
import type { AuthAdapter, RoomStore } from 'express-matrix-invite';
import { timeLimits } from './time-limits.ts';

/** A route of the host's own, behind the same logins: a room's log, for its members. */
export function timeline(storage: RoomStore, auth: AuthAdapter): RequestHandler<{ roomId: string }> {
  return async (request, response) => {
    const context = { signal: AbortSignal.timeout(timeLimits.deadlineMs) };
    const [, accessToken] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const login = accessToken && (await auth.authenticate({ accessToken, request }, context));
    if (!login || !('requester' in login)) {
      response.status(401).json({ error: 'Who are you?' });
      return;
    }
    const { roomId } = request.params;
    const own = { type: 'm.room.member', state_key: login.requester.userId };
    const room = await storage.readState(roomId, [own], context);
    if (room?.events[0]?.content.membership !== 'join') {
      response.status(404).json({ error: 'There is no such room, or you are not in it' });
      return;
    }
    response.json(await storage.timeline(roomId, { limit: 1_000 }));
  };
}
