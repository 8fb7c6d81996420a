import type { IncomingMessage } from 'node:http';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { RequestOutcome } from '../../../src/ports/outcome.ts';
import { attributesOf, methodOf } from './attributes.ts';
import { checkOpenTelemetryOptions, type OpenTelemetryOptions } from './options.ts';

export type { OpenTelemetryOptions } from './options.ts';

/** The endpoint as the specification has it: the router does not know where it is mounted. */
const ENDPOINT = '/_matrix/client/v3/rooms/{roomId}/invite';

/**
 * Makes a span of each request, by `@opentelemetry/api` 1.9, for the router's option `onOutcome`.
 *
 * ```ts
 * createInviteRouter({ onOutcome: openTelemetry(), … });
 * ```
 *
 * The span is `POST /_matrix/client/v3/rooms/{roomId}/invite`, of kind INTERNAL, and a child of what is active while
 * the request is handled: the server's span, where the host's HTTP instrumentation makes one. It is made when the
 * request is over, with the times that it had. Its status is ERROR for answers from 500 on, and unset for all others:
 * a refusal is no fault of the server (OpenTelemetry's semantic conventions for HTTP spans). Without an SDK nothing
 * happens.
 *
 * @throws {TypeError} for an unknown or ill-typed option
 * @see [errors, Options](../../../docs/errors.md#options)
 */
export function openTelemetry(
  options: OpenTelemetryOptions = {},
): (outcome: RequestOutcome, request: IncomingMessage) => void {
  checkOpenTelemetryOptions(options);
  const { tracer = trace.getTracer('express-matrix-invite'), includeIds = false } = options;
  return (outcome, request) => {
    const { status, durationMs } = outcome;
    // An SDK counts a parent's time from a whole millisecond of the same clock: by whole ones its child never starts
    // before it.
    const startTime = Date.now() - Math.floor(durationMs);
    const span = tracer.startSpan(`${methodOf(request) ?? 'HTTP'} ${ENDPOINT}`, {
      kind: SpanKind.INTERNAL,
      startTime,
      attributes: attributesOf(outcome, request, includeIds),
    });
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startTime + durationMs);
  };
}
