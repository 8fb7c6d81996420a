import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/**
 * How the server responds.
 * - `wait`: not before another way is set. It then responds in that way to the requests that wait, too.
 * - a number: with this status
 */
export type InboxBehavior = 'accept' | 'refuse' | 'wait' | number;

/** A request to the inbox: the ID of the event, and its invitee. */
export type InboxRequest = { readonly eventId: string; readonly userId: string };

/** The server of an invitee, as far as a test needs it: it takes invites by `PUT /<event ID>` with the event as JSON. */
export class TestInbox {
  /** Every request, in order. */
  readonly requests: InboxRequest[] = [];
  /** The accepted events: ID → invitee. A second request with the same ID changes nothing. */
  readonly invites = new Map<string, string>();
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();
  #behavior: InboxBehavior = 'accept';

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#respond(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async listen(): Promise<TestInbox> {
    const inbox = new TestInbox();
    inbox.#server.listen(0, '127.0.0.1');
    await once(inbox.#server, 'listening');
    return inbox;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Returns how many requests were about a user. */
  asked(userId: string): number {
    return this.requests.filter((request) => request.userId === userId).length;
  }

  behave(behavior: InboxBehavior): void {
    this.#behavior = behavior;
    if (behavior === 'wait') return;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const event = (await json(request)) as { readonly state_key: string };
    const eventId = decodeURIComponent(request.url?.slice(1) ?? '');
    this.requests.push({ eventId, userId: event.state_key });
    if (this.#behavior === 'wait') await new Promise<void>((resolve) => this.#waiting.add(resolve));
    if (this.#behavior === 'accept') {
      this.invites.set(eventId, event.state_key);
      response.end(JSON.stringify({ signature: `of ${eventId}` }));
      return;
    }
    response.statusCode = typeof this.#behavior === 'number' ? this.#behavior : 403;
    response.end(JSON.stringify({ errcode: 'M_FORBIDDEN', error: 'No' }));
  }
}
