import { OutgoingMessage, type ServerResponse } from 'node:http';

const nodesHeadersSent = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')?.get;

/**
 * Returns true if a response has begun, ours or the host's. It asks Node as well: `@fastify/express` gives responses a
 * `headersSent` that is false whatever middlewares have sent, and setting a header too late throws.
 */
export function hasBegun(response: ServerResponse): boolean {
  return response.headersSent || nodesHeadersSent?.call(response) === true;
}
