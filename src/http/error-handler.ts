import type { IncomingMessage, ServerResponse } from 'node:http';
import { defaultLogger, neverThrows } from '../internal/logger.ts';
import { booleanOption, checkOptions, loggerOption, type OptionChecks } from '../internal/options.ts';
import { RequestLog } from '../invite/request-log.ts';
import type { Logger } from '../ports/logger.ts';
import { responseOf } from './error-response.ts';
import { hasBegun } from './has-begun.ts';
import { hostErrorOf, setHostHeaders } from './host-error.ts';
import { isMatrixRequest } from './matrix-path.ts';
import { sendError, setCommonHeaders } from './response.ts';
import { limitUnreadBody } from './transport.ts';

/** An Express error handler. */
export type ErrorHandler = (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Options for `matrixErrorHandler`. */
export type MatrixErrorHandlerOptions = {
  /** Whether to send the CORS headers. Default true. */
  readonly cors?: boolean | undefined;
  /** Receives failures. Default: warnings and errors to the console. */
  readonly logger?: Logger | undefined;
};

const optionChecks: OptionChecks<MatrixErrorHandlerOptions> = { cors: booleanOption, logger: loggerOption };

/**
 * Creates an error handler that responds in Matrix's format to every error under `/_matrix`. A host's own
 * `express.json()` fails before any router is reached, and Express would respond with HTML. It uses the status and the
 * headers that Express would use. Errors on other paths are passed on to the host.
 *
 * ```ts
 * app.use(matrixErrorHandler());
 * ```
 *
 * @throws {TypeError} for an unknown option, or one of the wrong type
 * @see [errors, Options](../../docs/errors.md#options)
 */
export function matrixErrorHandler(options: MatrixErrorHandlerOptions = {}): ErrorHandler {
  checkOptions('matrixErrorHandler', options, optionChecks);
  const { cors = true } = options;
  const logger = neverThrows(options.logger ?? defaultLogger);
  // Express recognizes an error handler by its four parameters.
  return (thrown, request, response, next) => {
    if (hasBegun(response) || !isMatrixRequest(request)) {
      next(thrown);
      return;
    }
    const { error, headers } = hostErrorOf(thrown, response);
    const sent = responseOf(error);
    new RequestLog(logger).end('a request', () => ({}), sent.error);
    setHostHeaders(response, headers);
    setCommonHeaders(response, cors);
    sendError(response, sent);
    limitUnreadBody(request);
  };
}
