import type { ServerResponse } from 'node:http';
import type { WritableError } from './unexpected.ts';

/** Sends JSON by Node's own methods, since Fastify and others hand us plain responses. */
export function answer(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

/** Sends an error, with `Retry-After` (whole seconds, at least 1) where it says when to come again. */
export function answerError(response: ServerResponse, { error, text }: WritableError): void {
  if (error.retryAfterMs !== undefined) {
    response.setHeader('Retry-After', Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  }
  answer(response, error.status, text);
}
