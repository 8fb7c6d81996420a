import type { Tracer } from '@opentelemetry/api';
import { booleanOption, checkOptions, hasMethods, type OptionChecks } from '../../../src/internal/options.ts';

/** The options of `openTelemetry`. */
export type OpenTelemetryOptions = {
  /** What makes the spans. Default: the tracer `express-matrix-invite` of the global provider, even one set later. */
  readonly tracer?: Tracer;
  /** Whether spans tell who asked, for which room, and the request id. Default false. */
  readonly includeIds?: boolean;
};

const optionChecks: OptionChecks<OpenTelemetryOptions> = {
  tracer: {
    expects: 'a Tracer of OpenTelemetry',
    accepts: (value) => hasMethods(value, 'startSpan'),
  },
  includeIds: booleanOption,
};

/** @throws {TypeError} for an unknown or ill-typed option */
export function checkOpenTelemetryOptions(options: OpenTelemetryOptions): void {
  checkOptions('openTelemetry', options, optionChecks);
}
