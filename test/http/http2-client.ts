import { once } from 'node:events';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { connect, createServer, type Http2Server } from 'node:http2';
import { text } from 'node:stream/consumers';
import { type Exchange, type TestResponse, toTestResponse } from './exchange.ts';

/** Creates a server that speaks HTTP/2 without TLS, and passes requests to an app through Node's compatibility API. */
export function createHttp2Server(app: RequestListener): Http2Server {
  return createServer(app as never);
}

/** Sends one request on its own connection. Without bytes, the request ends with its headers. */
export async function exchangeOverHttp2(
  port: number,
  { method, path, headers, bytes, isUnfinished = false }: Exchange,
): Promise<TestResponse> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: bytes === undefined, signal: AbortSignal.timeout(60_000) },
    );
    const responded = once(stream, 'response');
    if (isUnfinished) stream.write(bytes);
    else if (bytes !== undefined) stream.end(bytes);
    const [response] = await responded;
    const { ':status': status, ...fields } = response;
    return toTestResponse(status, fields as IncomingHttpHeaders, await text(stream));
  } finally {
    session.destroy();
  }
}
