import type { IncomingMessage } from 'node:http';
import * as api from '@opentelemetry/api';
import { checkDriver } from '../../../src/internal/driver.ts';
import { booleanOption, checkOptions, hasMethods, type OptionChecks } from '../../../src/internal/options.ts';
import type { RequestOutcome } from '../../../src/ports/outcome.ts';
import { attributesOf, methodOf } from './attributes.ts';

const { SpanKind, SpanStatusCode, trace } = checkDriver(
  'observability/open-telemetry',
  '@opentelemetry/api',
  api,
  ['SpanKind', 'SpanStatusCode', 'trace'],
);

/** Options for `openTelemetry`. */
export type OpenTelemetryOptions = {
  /**
   * Creates the spans. Default: the tracer `express-matrix-invite` of the global provider, even one that is
   * set later.
   */
  readonly tracer?: api.Tracer | undefined;
  /**
   * Whether spans contain the IDs of the requester, the room and the request, and the name of the invitee's server.
   * Default false.
   */
  readonly includeIds?: boolean | undefined;
};

const optionChecks: OptionChecks<OpenTelemetryOptions> = {
  tracer: {
    expects: 'an OpenTelemetry Tracer',
    accepts: (value) => hasMethods(value, 'startSpan'),
  },
  includeIds: booleanOption,
};

/** The endpoint in the specification: the router does not know its own mount path. */
const ENDPOINT = '/_matrix/client/v3/rooms/{roomId}/invite';

/**
 * Creates a span for each request, with `@opentelemetry/api` 1.9, for the router's option `onOutcome`.
 *
 * ```ts
 * createInviteRouter({ onOutcome: openTelemetry(), … });
 * ```
 *
 * The span is `POST /_matrix/client/v3/rooms/{roomId}/invite`, of kind INTERNAL. Its parent is the active
 * span while the request is handled: the server span, if the host app instruments HTTP. It is created when
 * the request ends, with the times of the request. Its status is ERROR for a 5xx and unset otherwise, because
 * a refusal is not a server error (OpenTelemetry's semantic conventions for HTTP spans). Without an SDK
 * nothing happens.
 *
 * @throws {TypeError} for an unknown or invalid option
 * @see [errors, Options](../../../docs/errors.md#options)
 */
export function openTelemetry(
  options: OpenTelemetryOptions = {},
): (outcome: RequestOutcome, request: IncomingMessage) => void {
  checkOptions('openTelemetry', options, optionChecks);
  const { tracer = trace.getTracer('express-matrix-invite'), includeIds = false } = options;
  return (outcome, request) => {
    const { status, durationMs } = outcome;
    // An SDK starts a parent at a whole millisecond of the same clock. A child that starts at a whole
    // millisecond never starts before its parent.
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
