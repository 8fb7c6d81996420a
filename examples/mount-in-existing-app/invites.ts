import { createInviteRouter, type InviteRouter } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { Database } from './database.ts';
import { nameOf, SERVER_NAME, slugOf, userIdOf } from './matrix-ids.ts';
import type { Sessions } from './sessions.ts';
import { matrixStorage } from './storage.ts';
import { userExists, userOfToken } from './users.ts';

/** Everything that the invite endpoint needs to know of this app. */
export function inviteRouter(database: Database, sessions: Sessions, origin: string): InviteRouter {
  return createInviteRouter({
    serverName: SERVER_NAME,
    storage: matrixStorage(database),

    // API clients bring a token …
    auth: {
      async authenticate({ accessToken }) {
        const name = await database.transact((tx) => userOfToken(tx, accessToken));
        return name === undefined ? { failure: 'unknown' } : { requester: { userId: userIdOf(name) } };
      },
    },
    // … and pages their cookie, but only the pages of this app: a cookie comes with posts from any site.
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

    // In memory, since this app is one process. Larger than the defaults: moderators here invite whole classes.
    rateLimit: new MemoryRateLimit({
      attempt: { points: 200, durationSeconds: 60 },
      inviter: { points: 100, durationSeconds: 60 },
      room: { points: 100, durationSeconds: 60 },
    }),

    async onInvite({ event }) {
      const text = `${nameOf(event.sender)} invites you to ${slugOf(event.room_id)}`;
      await database.transact((tx) =>
        tx
          .prepare('INSERT INTO notifications (user, text) VALUES (?, ?)')
          .run(nameOf(event.state_key) ?? '', text),
      );
    },
  });
}
