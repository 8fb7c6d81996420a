import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, answerOf } from './support.ts';

/** How long a test waits for what must come, in milliseconds. */
const PATIENCE_MS = 5_000;

/** A client that sends bytes, whatever they are, and reads answers. */
export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    // A server that closes in the middle of what we send: the tests see that by `closed`.
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

  /** Resolves with so many answers (interim ones among them). */
  async answers(count: number): Promise<Answer[]> {
    const start = Date.now();
    for (;;) {
      const answers = parsed(this.#received);
      if (answers.length >= count) return answers;
      if (Date.now() - start > PATIENCE_MS) {
        throw new Error(
          `${answers.length} answers of ${count}: ${JSON.stringify(this.#received.toString())}`,
        );
      }
      await delay(2);
    }
  }

  async answer(): Promise<Answer> {
    const [first] = await this.answers(1);
    if (first === undefined) throw new Error('no answer');
    return first;
  }

  /** Resolves once the server has closed the connection. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) });
  }
}

function parsed(received: Buffer): Answer[] {
  const answers: Answer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return answers;
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers: IncomingHttpHeaders = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const bodyEnd = end + 4 + Number(headers['content-length'] ?? 0);
    if (rest.length < bodyEnd) return answers;
    const content = rest.subarray(end + 4, bodyEnd).toString();
    answers.push(answerOf(Number(statusLine.split(' ')[1]), headers, content));
    rest = rest.subarray(bodyEnd);
  }
}
