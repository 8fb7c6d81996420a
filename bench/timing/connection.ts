import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection that sends one request at a time. A `node:http` client would take as much time as the server itself. */
export class Connection {
  readonly #socket: Socket;
  readonly #head: string;

  private constructor(socket: Socket, token: string) {
    this.#socket = socket;
    this.#head = `Host: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer ${token}\r\n`;
  }

  static async open(port: number, token: string): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, token);
  }

  /**
   * Invites a user.
   *
   * @returns the microseconds until the response has arrived
   * @throws {Error} (rejects) if the response has another status
   */
  async invite(roomId: string, userId: string, status: number): Promise<number> {
    const body = JSON.stringify({ user_id: userId });
    const request = `POST /_matrix/client/v3/rooms/${roomId}/invite HTTP/1.1\r\n${this.#head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const startedAt = process.hrtime.bigint();
    this.#socket.write(request);
    let response = '';
    while (!response.endsWith('}')) {
      const [chunk] = (await once(this.#socket, 'data')) as [Buffer];
      response += chunk.toString('latin1');
    }
    const micros = Number(process.hrtime.bigint() - startedAt) / 1_000;
    if (!response.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`not a ${status}: ${response}`);
    return micros;
  }

  close(): void {
    this.#socket.destroy();
  }
}
