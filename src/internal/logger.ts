import type { Logger } from '../ports/logger.ts';
import { loggableDetails } from './loggable.ts';
import { printableDetails } from './printable.ts';
import { handleRejection, noop } from './unawaited.ts';

/**
 * Writes a line, and reduces its error to the fields that say what failed. A failing logger is ignored, whether it
 * throws or rejects: there is nowhere left to report it.
 */
export function writeLine(logger: Logger, level: keyof Logger, details: object, message: string): void {
  try {
    handleRejection(logger[level](loggableDetails(details), message));
  } catch {
    // See above.
  }
}

/** Wraps a logger so that it never fails: that must not prevent a response, or end the process. See {@link writeLine}. */
export function neverThrows(logger: Logger): Logger {
  const at = (level: keyof Logger): Logger[typeof level] => {
    if (logger[level] === noop) return noop;
    return (details, message) => writeLine(logger, level, details, message);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/**
 * The default logger: writes warnings and errors to the console, and drops the rest. Details
 * are printed with `printable`, so that IDs and errors in them can neither forge lines nor control the terminal.
 */
export const defaultLogger: Logger = {
  debug: noop,
  info: noop,
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, printableDetails(details));
  },
  error(details, message) {
    console.error(`express-matrix-invite: ${message}`, printableDetails(details));
  },
};
