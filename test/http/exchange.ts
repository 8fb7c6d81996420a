import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** A request as it is sent. */
export type Exchange = {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly bytes?: Uint8Array;
  /** Whether to leave the request without its end after the bytes. */
  readonly isUnfinished?: boolean;
};

/** A response. `body` is undefined if it is not JSON. */
export type TestResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
};

export function toTestResponse(status: number, headers: IncomingHttpHeaders, content: string): TestResponse {
  return { status, headers, text: content, body: jsonOf(content) };
}

function jsonOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
