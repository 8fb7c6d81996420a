import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type InviteRouter, matrixErrorHandler, matrixNotFoundHandler } from 'express-matrix-invite';
import type { Database } from './database.ts';
import { HttpError } from './http-error.ts';
import { inviteRouter } from './invites.ts';
import { addRoom, ban, changeInviteRole, giveRole, isRole, join, membersOf, roomOf } from './rooms.ts';
import { Sessions } from './sessions.ts';
import { checkPassword, register } from './users.ts';

export type AppOptions = {
  readonly database: Database;
  readonly sessionSecret: string;
  /** The app's origin in browsers, such as `https://chat.example.org`. */
  readonly origin: string;
};

/** Creates a typical app. Only the lines with `invites` and `matrix…Handler` are for the invite endpoint. */
export function createApp({ database, sessionSecret, origin }: AppOptions): {
  readonly app: Express;
  readonly invites: InviteRouter;
} {
  const sessions = new Sessions(sessionSecret);
  const app = express();
  app.use(express.json());

  // Works after `express.json()`: the router takes the parsed `request.body`. Malformed JSON never reaches the router, so
  // `matrixErrorHandler` below responds to it.
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
    if (!(await checkPassword(database, name, password))) throw new HttpError(401, 'Wrong name or password');
    response.setHeader('Set-Cookie', sessions.cookieFor(name)).json({});
  });

  /** Returns the name of the user who is logged in. */
  const userOf = (request: Request): string => {
    const name = sessions.userOf(request);
    if (name === undefined) throw new HttpError(401, 'Log in first');
    return name;
  };

  app.get('/notifications', async (request, response) => {
    const user = userOf(request);
    const sql = 'SELECT text FROM notifications WHERE user = ? ORDER BY id';
    response.json(await database.transact((tx) => tx.prepare(sql).all(user)));
  });
  app.put('/rooms/:slug', async (request, response) => {
    const [owner, { slug }] = [userOf(request), request.params];
    if (!/^[a-z0-9-]{1,64}$/.test(slug)) throw new HttpError(400, 'Invalid name');
    await database.transact((tx) => {
      if (roomOf(tx, slug) !== undefined) throw new HttpError(409, 'The name is taken');
      addRoom(tx, slug, owner);
    });
    response.status(201).json({});
  });
  app.get('/rooms/:slug/members', async (request, response) => {
    const user = userOf(request);
    response.json(await database.transact((tx) => membersOf(tx, request.params.slug, user)));
  });

  // Invites depend on memberships and roles, so joins, bans and role changes take the same lock: `transact`.
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

  // Clients learn from its 404 which endpoints the app does not have. Other paths get the app's own page.
  app.use(matrixNotFoundHandler());
  app.use((_request, response) => {
    response.status(404).send('<h1>Page not found</h1>');
  });
  // Before the app's own error handler. It handles paths under /_matrix, and passes on all other errors.
  app.use(matrixErrorHandler());
  app.use(errorPage);
  return { app, invites };
}

function roleIn(request: Request) {
  const role: unknown = request.body?.role;
  if (!isRole(role)) throw new HttpError(400, 'Unknown role');
  return role;
}

function errorPage(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const { status = 500 } = error as { status?: number };
  if (status >= 500) console.error(error);
  const text = error instanceof HttpError ? error.message : 'Something went wrong';
  response.status(status).send(`<h1>${text}</h1>`);
}
