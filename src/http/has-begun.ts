import { OutgoingMessage, type ServerResponse } from 'node:http';

const nodesHeadersSent = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')?.get;

/**
 * Returns true if a response has begun, ours or the host's. Also checks Node's own state: with `@fastify/express`,
 * `headersSent` stays false even after a middleware has responded, and setting a header too late throws.
 */
export function hasBegun(response: ServerResponse): boolean {
  return response.headersSent || nodesHeadersSent?.call(response) === true;
}
