import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type TestResponse, toTestResponse } from './support.ts';

/** The maximum time that a test waits for a response, in milliseconds. */
const MAX_WAIT_MS = 60_000;

/** A client that sends arbitrary bytes and reads responses. */
export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    // The server may close the connection while data is being sent. Tests see that by `closed`.
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  write(...pieces: readonly (string | Uint8Array)[]): void {
    for (const piece of pieces) this.socket.write(piece);
  }

  /** Resolves once `count` responses have arrived, including interim ones. */
  async responses(count: number): Promise<TestResponse[]> {
    const start = Date.now();
    for (;;) {
      const responses = parse(this.#received);
      if (responses.length >= count) return responses;
      if (Date.now() - start > MAX_WAIT_MS) {
        throw new Error(
          `${responses.length} of ${count} responses: ${JSON.stringify(this.#received.toString())}`,
        );
      }
      await delay(2);
    }
  }

  async response(): Promise<TestResponse> {
    const [first] = await this.responses(1);
    if (first === undefined) throw new Error('no response');
    return first;
  }

  /** Resolves once the server has closed or reset the connection. */
  async closed(): Promise<void> {
    const start = Date.now();
    while (!this.socket.closed) {
      if (Date.now() - start > MAX_WAIT_MS) throw new Error('The connection is still open');
      await delay(2);
    }
  }
}

function parse(received: Buffer): TestResponse[] {
  const responses: TestResponse[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return responses;
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers: IncomingHttpHeaders = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const bodyEnd = end + 4 + Number(headers['content-length'] ?? 0);
    if (rest.length < bodyEnd) return responses;
    const content = rest.subarray(end + 4, bodyEnd).toString();
    responses.push(toTestResponse(Number(statusLine.split(' ')[1]), headers, content));
    rest = rest.subarray(bodyEnd);
  }
}
