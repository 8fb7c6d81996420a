import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router } from 'express';
import { MatrixError } from '../errors.ts';
import { type AnsweringSetting, answered, type RequestWork } from './answering.ts';
import { setCommonHeaders } from './common-headers.ts';

/** A router of Express, typed by Node's own types so that it fits every version of Express. */
export type MatrixRouter = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** One path, and what is done about it. */
export type OneRoute<Result> = {
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly answering: AnsweringSetting<Result>;
  /** @param roomId as the path says it, decoded */
  work(request: IncomingMessage, response: ServerResponse, roomId: unknown): RequestWork<Result>;
};

/** Makes a router that answers one method of one path, and preflights; everything else goes on to the host. */
export function routerOf<Result>({ path, method, answering, work }: OneRoute<Result>): MatrixRouter {
  const router = Router({ caseSensitive: true, strict: true });
  const route = router.route(path);
  route.options((_request, response) => {
    if (response.headersSent) return;
    setCommonHeaders(response, answering.cors);
    response.statusCode = 204;
    response.end();
  });
  route[method]((request, response) => {
    void answered(answering, request, response, work(request, response, request.params.roomId));
  });
  route.all((request, response) => {
    void answered(answering, request, response, async () => {
      const wanted = method.toUpperCase();
      response.setHeader('Allow', `OPTIONS, ${wanted}`);
      throw new MatrixError(405, 'M_UNRECOGNIZED', `Only ${wanted} is understood here`);
    });
  });
  // Where the room id cannot be decoded, no route is reached.
  router.use((error: unknown, request: IncomingMessage, response: ServerResponse, _next: unknown) => {
    void answered(answering, request, response, () => Promise.reject(error));
  });
  return router as unknown as MatrixRouter;
}
