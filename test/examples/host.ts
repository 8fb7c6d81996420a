import { Example, freePort, newDatabasePath } from './example.ts';

/** A user of the example, as a browser and as an API client. */
export type User = { readonly name: string; readonly accessToken: string; readonly cookie: string };

type RequestOptions = {
  readonly method?: string;
  readonly body?: unknown;
  readonly cookie?: string;
  readonly accessToken?: string;
  readonly origin?: string;
};

/** The running example `mount-in-existing-app`, and ways to use it over HTTP. */
export class Host {
  readonly example: Example;

  private constructor(example: Example) {
    this.example = example;
  }

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Host> {
    const database = await newDatabasePath();
    const PORT = String(await freePort());
    return new Host(
      await Example.start('mount-in-existing-app', { DATABASE: database, PORT, ...environment }),
    );
  }

  /** Sends a string body unchanged, and any other body as JSON. */
  send(path: string, options: RequestOptions = {}): Promise<Response> {
    const { body, cookie, accessToken, origin, method = body === undefined ? 'GET' : 'POST' } = options;
    return fetch(this.example.url + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(cookie === undefined ? {} : { Cookie: cookie }),
        ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
        ...(origin === undefined ? {} : { Origin: origin }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** Sends a request that must succeed, and resolves the JSON of its response. */
  async done(path: string, options: RequestOptions = {}): Promise<unknown> {
    const response = await this.send(path, options);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  async register(name: string): Promise<User> {
    const body = { name, password: `${name}-password` };
    const { accessToken } = (await this.done('/register', { body })) as { accessToken: string };
    const login = await this.send('/login', { body });
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    return { name, accessToken, cookie };
  }

  /** Sends an invite to the room `books`, and resolves the response. */
  async invite(
    login: Pick<RequestOptions, 'cookie' | 'accessToken' | 'origin'>,
    name: string,
    reason?: string,
  ): Promise<{ status: number; body: unknown }> {
    const response = await this.send('/_matrix/client/v3/rooms/%21books:example.org/invite', {
      ...login,
      body: { user_id: `@${name}:example.org`, reason },
    });
    return { status: response.status, body: await response.json() };
  }

  /** The status of each member of the room `books`, by name. */
  async statuses({ cookie }: User): Promise<Record<string, string>> {
    const members = (await this.done('/rooms/books/members', { cookie })) as {
      user: string;
      status: string;
    }[];
    return Object.fromEntries(members.map(({ user, status }) => [user, status]));
  }
}
