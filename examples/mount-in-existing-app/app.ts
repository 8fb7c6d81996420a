import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type InviteRouter, matrixErrorHandler } from 'express-matrix-invite';
import type { Database } from './database.ts';
import { inviteRouter } from './invites.ts';
import { Refusal } from './refusal.ts';
import { addRoom, ban, changeInviteRole, giveRole, isRole, join, membersOf, roomOf } from './rooms.ts';
import { Sessions } from './sessions.ts';
import { checkPassword, register } from './users.ts';

/** What the app needs; `origin` is where browsers see it, such as `https://chat.example.org`. */
export type AppOptions = {
  readonly database: Database;
  readonly sessionSecret: string;
  readonly origin: string;
};

/** An app as many have it. Three lines of it are ours: those that mention `invites` and `matrixErrorHandler`. */
export function createApp({ database, sessionSecret, origin }: AppOptions): {
  readonly app: Express;
  readonly invites: InviteRouter;
} {
  const sessions = new Sessions(sessionSecret);
  const app = express();
  app.use(express.json());

  const invites = inviteRouter(database, sessions, origin);
  app.use('/_matrix/client/v3', invites);

  app.get('/_matrix/client/versions', (_request, response) => {
    response.json({ versions: ['v1.11'] });
  });

  app.post('/register', async (request, response) => {
    const accessToken = await register(database, request.body?.name, request.body?.password);
    response.status(201).json({ accessToken });
  });
  app.post('/login', async (request, response) => {
    const { name, password } = request.body ?? {};
    if (!(await checkPassword(database, name, password))) throw new Refusal(401, 'Wrong name or password');
    response.setHeader('Set-Cookie', sessions.cookieFor(name)).json({});
  });

  /** Who is logged in. */
  const userOf = (request: Request): string => {
    const name = sessions.userOf(request);
    if (name === undefined) throw new Refusal(401, 'Log in first');
    return name;
  };

  app.get('/notifications', async (request, response) => {
    const user = userOf(request);
    const sql = 'SELECT text FROM notifications WHERE user = ? ORDER BY id';
    response.json(await database.transact((tx) => tx.prepare(sql).all(user)));
  });
  app.put('/rooms/:slug', async (request, response) => {
    const [owner, { slug }] = [userOf(request), request.params];
    if (!/^[a-z0-9-]{1,64}$/.test(slug)) throw new Refusal(400, 'Unusable name');
    await database.transact((tx) => {
      if (roomOf(tx, slug) !== undefined) throw new Refusal(409, 'That name is taken');
      addRoom(tx, slug, owner);
    });
    response.status(201).json({});
  });
  app.get('/rooms/:slug/members', async (request, response) => {
    const user = userOf(request);
    response.json(await database.transact((tx) => membersOf(tx, request.params.slug, user)));
  });

  // Joins, bans and roles decide about invites: they go through the same lock, which is `transact`.
  app.post('/rooms/:slug/join', async (request, response) => {
    const user = userOf(request);
    await database.transact((tx) => join(tx, request.params.slug, user));
    response.json({});
  });
  app.put('/rooms/:slug/bans/:user', async (request, response) => {
    const [by, { slug, user }] = [userOf(request), request.params];
    await database.transact((tx) => ban(tx, slug, user, by));
    response.json({});
  });
  app.put('/rooms/:slug/roles/:user', async (request, response) => {
    const [by, { slug, user }] = [userOf(request), request.params];
    const role = roleIn(request);
    await database.transact((tx) => giveRole(tx, slug, user, role, by));
    response.json({});
  });
  app.put('/rooms/:slug/invite-role', async (request, response) => {
    const by = userOf(request);
    const role = roleIn(request);
    await database.transact((tx) => changeInviteRole(tx, request.params.slug, role, by));
    response.json({});
  });

  app.use((_request, response) => {
    response.status(404).send('<h1>There is no such page</h1>');
  });
  // Before the app's own: it answers for paths under /_matrix only, and hands the rest on.
  app.use(matrixErrorHandler());
  app.use(errorPage);
  return { app, invites };
}

function roleIn(request: Request) {
  const role: unknown = request.body?.role;
  if (!isRole(role)) throw new Refusal(400, 'No such role');
  return role;
}

function errorPage(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const { status = 500 } = error as { status?: number };
  if (status >= 500) console.error(error);
  const text = error instanceof Refusal ? error.message : 'That did not work';
  response.status(status).send(`<h1>${text}</h1>`);
}
