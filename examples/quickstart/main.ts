// The invite endpoint with rooms in an SQLite file. Run `npm start` (in a copy:
// `node --import tsx quickstart/main.ts`), then open the page or paste the printed commands.
// Environment variables: PORT (default 8008), HOST (127.0.0.1), DATABASE (quickstart.sqlite in the current folder).
import express from 'express';
import {
  createInviteCheckRouter,
  createInviteRouter,
  matrixNotFoundHandler,
  printable,
} from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { curlLines, INVITES_PER_MINUTE } from './curl-lines.ts';
import { LiveRooms } from './live-rooms.ts';
import { openRooms } from './open-rooms.ts';
import { ownOriginOnly } from './own-origin.ts';
import { pageRouter } from './page-router.ts';
import { RestartableRateLimit } from './restartable-rate-limit.ts';
import { describeInvites, ROOM_IDS, SERVER_NAME, TOKENS } from './rooms.ts';
import { addressFromEnvironment, closeOnSignal, closeServer, urlOnceListening } from './serve.ts';

const address = addressFromEnvironment(8008);
const path = process.env.DATABASE || 'quickstart.sqlite';

const { database, storage } = await openRooms(path);
const liveRooms = new LiveRooms(storage, ROOM_IDS);
const rateLimit = new RestartableRateLimit({ inviter: { points: INVITES_PER_MINUTE, durationSeconds: 60 } });
const options = {
  serverName: SERVER_NAME,
  storage,
  auth: staticTokens(TOKENS),
  rateLimit,
};
const router = createInviteRouter({
  ...options,
  onInvite: ({ event }) => {
    // Users choose their IDs, and some clients allow control characters in them.
    console.log(printable(`${event.sender} invited ${event.state_key} to ${event.room_id}`));
    return liveRooms.poll();
  },
});
// A dry run that tells the page which rule decides. In production, explain decisions to admins only.
const checkRouter = createInviteCheckRouter({ ...options, explainTo: () => true });

const app = express();
// Before everything else, because the demo's access tokens are no secret.
app.use(ownOriginOnly(address.host));
app.use('/_matrix/client/v3', router);
app.use('/_matrix/client/unstable/org.example', checkRouter);
app.use(pageRouter({ rooms: liveRooms, storage, rateLimit }));
app.use(matrixNotFoundHandler());
const server = app.listen(address.port, address.host);
const url = await urlOnceListening(server, address);

closeOnSignal(async () => {
  const closed = closeServer(server);
  // Before the database: invites that have started are still stored.
  await Promise.all([router.close(), checkRouter.close()]);
  await liveRooms.close();
  await closed;
  database.close();
});

const invites = await describeInvites(storage);
console.log(printable(`Listening on ${url}, with rooms in ${path}`));
console.log(invites.length > 0 ? 'Pending invites:' : 'No pending invites.');
for (const line of invites) console.log(printable(`  ${line}`));
console.log(
  `Open ${url}/ in a browser to see the rooms and send invites. ${url}/docs describes the endpoint.`,
);
console.log('Or paste these commands into another terminal. The expected output is below each command:\n');
for (const line of await curlLines(storage, url)) console.log(line);
console.log();
