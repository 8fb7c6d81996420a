import type { IncomingMessage, ServerResponse } from 'node:http';
import { booleanOption, checkOptions, type OptionChecks } from '../internal/options.ts';
import { refusalError } from '../invite/refusals.ts';
import { responseOf } from './error-response.ts';
import { hasBegun } from './has-begun.ts';
import { isMatrixRequest } from './matrix-path.ts';
import { respondToPreflight, sendError, setCommonHeaders } from './response.ts';
import { limitUnreadBody } from './transport.ts';

/** An Express handler. */
export type NotFoundHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Options for `matrixNotFoundHandler`. */
export type MatrixNotFoundHandlerOptions = {
  /** Whether to send the CORS headers. Default true. */
  readonly cors?: boolean | undefined;
};

const optionChecks: OptionChecks<MatrixNotFoundHandlerOptions> = { cors: booleanOption };

/**
 * Creates a handler that responds with a 404 `M_UNRECOGNIZED` to every request under `/_matrix` that reaches it. Clients
 * detect by that error which endpoints a server has, and Express would respond with HTML. A preflight gets a 204,
 * because otherwise the browser hides the 404 from the client. Other paths are passed on to the host.
 *
 * ```ts
 * app.use(matrixNotFoundHandler()); // after all routes
 * ```
 *
 * @throws {TypeError} for an unknown option, or one of the wrong type
 * @see [errors, Options](../../docs/errors.md#options)
 * @see https://spec.matrix.org/v1.18/client-server-api/#api-standards
 */
export function matrixNotFoundHandler(options: MatrixNotFoundHandlerOptions = {}): NotFoundHandler {
  checkOptions('matrixNotFoundHandler', options, optionChecks);
  const { cors = true } = options;
  return (request, response, next) => {
    if (hasBegun(response) || !isMatrixRequest(request)) next();
    else if (request.method === 'OPTIONS') respondToPreflight(request, response, cors);
    else {
      setCommonHeaders(response, cors);
      sendError(response, responseOf(refusalError(404, 'M_UNRECOGNIZED', 'Unrecognized request')));
      limitUnreadBody(request);
    }
  };
}
