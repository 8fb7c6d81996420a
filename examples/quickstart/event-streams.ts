import type { Response } from 'express';

const HEARTBEAT_MS = 15_000;
const MOST_STREAMS = 20;
/** What may wait for a client that does not read, in bytes. */
const LONGEST_QUEUE = 1_000_000;

/** Server-sent events: every open stream gets whatever is sent. */
export class EventStreams {
  readonly #open = new Set<Response>();
  readonly #heartbeat = setInterval(() => this.#write(': heartbeat\n\n'), HEARTBEAT_MS).unref();
  #isClosed = false;

  get count(): number {
    return this.#open.size;
  }

  /** Opens one, which starts with these messages. */
  open(response: Response, event: string, messages: readonly object[]): void {
    if (this.#isClosed || this.#open.size >= MOST_STREAMS) {
      response.status(503).set('Retry-After', '5').type('text/plain').send('Too many pages are open');
      return;
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // So that the connection does not outlive the stream when the server closes.
      Connection: 'close',
    });
    // How long a client waits before it connects again.
    response.write('retry: 2000\n\n');
    for (const message of messages) response.write(frame(event, message));
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
  }

  send(event: string, message: object): void {
    this.#write(frame(event, message));
  }

  /** Ends all, and opens no more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    for (const response of this.#open) response.end();
    this.#open.clear();
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > LONGEST_QUEUE) response.destroy();
      else response.write(text);
    }
  }
}

/** JSON has no line breaks, so that it is one line of data. */
function frame(event: string, message: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(message)}\n\n`;
}
