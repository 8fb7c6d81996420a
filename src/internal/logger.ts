import type { Logger } from '../ports/logger.ts';
import { loggableDetails } from './loggable.ts';
import { printableDetails } from './printable.ts';

/** Does nothing. Recognized by identity, so that no log line is built just to be discarded. */
export function noop(): void {}

/**
 * Wraps a logger so that it never throws, because a failing logger must not prevent a response, and so that it gets
 * errors without what users sent.
 */
export function neverThrows(logger: Logger): Logger {
  const at = (level: keyof Logger): Logger[typeof level] => {
    if (logger[level] === noop) return noop;
    return (details, message) => {
      try {
        logger[level](loggableDetails(details), message);
      } catch {
        // There is nowhere left to report it.
      }
    };
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
