import type { IncomingMessage, ServerResponse } from 'node:http';
import { defaultLogger, neverThrows } from '../internal/logger.ts';
import { booleanOption, checkOptions, loggerOption, type OptionChecks } from '../internal/options.ts';
import { RequestLog } from '../invite/request-log.ts';
import type { Logger } from '../ports/logger.ts';
import { answerError } from './answer.ts';
import { setCommonHeaders } from './common-headers.ts';
import { hasBegun } from './has-begun.ts';
import { writableError } from './unexpected.ts';

/** An Express error handler. */
export type ErrorHandler = (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** The options of `matrixErrorHandler`. */
export type MatrixErrorHandlerOptions = {
  /** Whether to send the CORS headers. Default true. */
  readonly cors?: boolean;
  /** Gets failures. Default: warnings and errors to the console. */
  readonly logger?: Logger;
};

const optionChecks: OptionChecks<MatrixErrorHandlerOptions> = { cors: booleanOption, logger: loggerOption };

/**
 * An error handler for everything under `/_matrix`, in Matrix's form. A host's own `express.json()` fails before
 * any router is reached, and Express would answer HTML. Other paths are left to the host.
 *
 * ```ts
 * app.use(matrixErrorHandler());
 * ```
 *
 * @throws {TypeError} for an unknown or ill-typed option
 * @see [errors, Options](../../docs/errors.md#options)
 */
export function matrixErrorHandler(options: MatrixErrorHandlerOptions = {}): ErrorHandler {
  checkOptions('matrixErrorHandler', options, optionChecks);
  const { cors = true } = options;
  const logger = neverThrows(options.logger ?? defaultLogger);
  // Express knows an error handler by its four parameters.
  return (error, request, response, next) => {
    if (hasBegun(response) || !isMatrixPath(request)) {
      next(error);
      return;
    }
    const writable = writableError(error);
    new RequestLog(logger).end('A request', () => ({}), writable.error);
    setCommonHeaders(response, cors);
    answerError(response, writable);
  };
}

function isMatrixPath(request: IncomingMessage & { originalUrl?: string }): boolean {
  return /^\/_matrix(?:[/?]|$)/.test(request.originalUrl ?? request.url ?? '');
}
