import { createInviteRouter, type InviteRouter } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { Database } from './database.ts';
import { nameOf, SERVER_NAME, slugOf, userIdOf } from './matrix-ids.ts';
import type { Sessions } from './sessions.ts';
import { matrixStorage } from './storage.ts';
import { userExists, userOfToken } from './users.ts';

/** Connects the invite endpoint to this app's users, logins and rooms. */
export function inviteRouter(database: Database, sessions: Sessions, origin: string): InviteRouter {
  return createInviteRouter({
    serverName: SERVER_NAME,
    storage: matrixStorage(database),

    // API clients send an access token.
    auth: {
      async authenticate({ accessToken }) {
        const name = await database.transact((tx) => userOfToken(tx, accessToken));
        return name === undefined ? { failure: 'unknown' } : { requester: { userId: userIdOf(name) } };
      },
    },
    // Pages send a cookie. Only this app's origin counts, because browsers send cookies with requests from any site.
    session: {
      async authenticate(request) {
        const name = sessions.userOf(request);
        return name === undefined ? undefined : { requester: { userId: userIdOf(name) } };
      },
      allowedOrigins: [origin],
    },

    users: {
      async exists(userId) {
        const name = nameOf(userId);
        return name !== undefined && database.transact((tx) => userExists(tx, name));
      },
    },

    // In memory, because this app is a single process. Higher than the defaults: moderators invite whole classes.
    rateLimit: new MemoryRateLimit({
      attempt: { points: 200, durationSeconds: 60 },
      inviter: { points: 100, durationSeconds: 60 },
      room: { points: 100, durationSeconds: 60 },
    }),

    async onInvite({ event }) {
      const text = `${nameOf(event.sender)} invited you to ${slugOf(event.room_id)}`;
      await database.transact((tx) =>
        tx
          .prepare('INSERT INTO notifications (user, text) VALUES (?, ?)')
          .run(nameOf(event.state_key) ?? '', text),
      );
    },
  });
}
