import { OutgoingMessage, type ServerResponse } from 'node:http';

const nodesHeadersSent = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')?.get;

/**
 * Whether an answer has begun, ours or the host's. Node itself is asked as well: `@fastify/express` gives responses a
 * `headersSent` that is false whatever middlewares have sent, and a header set too late throws.
 */
export function hasBegun(response: ServerResponse): boolean {
  return response.headersSent || nodesHeadersSent?.call(response) === true;
}
