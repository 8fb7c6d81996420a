import { Agent, request } from 'node:http';

/** Sends requests over keep-alive connections to a port of this machine. */
export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves with `undefined` if the connection ended before the response was complete. Never sends a request twice. */
  post(
    path: string,
    body: object,
    accessToken?: string,
  ): Promise<{ status: number; body: Record<string, unknown> } | undefined> {
    const text = JSON.stringify(body);
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
    };
    return new Promise((resolve) => {
      const sent = request(
        { agent: this.#agent, host: '127.0.0.1', port: this.#port, method: 'POST', path, headers },
        (response) => {
          let content = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            content += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(content) }));
          response.on('close', () => resolve(undefined));
        },
      );
      sent.on('error', () => resolve(undefined));
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
