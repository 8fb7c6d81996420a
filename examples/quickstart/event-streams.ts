import type { Response } from 'express';

const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 20;
/** The maximum number of bytes buffered for a client that does not read. */
const MAX_BUFFERED_BYTES = 1_000_000;

/** Server-sent events. Sends every message to all open streams. */
export class EventStreams {
  readonly #open = new Set<Response>();
  readonly #heartbeat = setInterval(() => this.#write(': heartbeat\n\n'), HEARTBEAT_MS).unref();
  #isClosed = false;

  get count(): number {
    return this.#open.size;
  }

  /** Opens a stream that starts with these messages. */
  open(response: Response, event: string, messages: readonly object[]): void {
    if (this.#isClosed || this.#open.size >= MAX_STREAMS) {
      response.status(503).set('Retry-After', '5').type('text/plain').send('Too many pages are open');
      return;
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // So that the connection ends with the stream when the server closes.
      Connection: 'close',
    });
    // The time in milliseconds after which a client reconnects.
    response.write('retry: 2000\n\n');
    for (const message of messages) response.write(frame(event, message));
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
  }

  send(event: string, message: object): void {
    this.#write(frame(event, message));
  }

  /** Ends all streams, and opens no more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    for (const response of this.#open) response.end();
    this.#open.clear();
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
      else response.write(text);
    }
  }
}

/** One line of data, because `JSON.stringify` returns no line breaks. */
function frame(event: string, message: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(message)}\n\n`;
}
