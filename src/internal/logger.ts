import type { Logger } from '../ports/logger.ts';

/** Does nothing. Recognized by identity, so that no log line is built only to be thrown away. */
export function noop(): void {}

/** Wraps a logger so that it never throws: a failing logger must not keep a request from its response. */
export function neverThrows(logger: Logger): Logger {
  const at = (level: keyof Logger): Logger[typeof level] => {
    if (logger[level] === noop) return noop;
    return (details, message) => {
      try {
        logger[level](details, message);
      } catch {
        // Nowhere is left to report it.
      }
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The logger of a host that passes none: warnings and errors go to the console, the rest is dropped. */
export const defaultLogger: Logger = {
  debug: noop,
  info: noop,
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, details);
  },
  error(details, message) {
    console.error(`express-matrix-invite: ${message}`, details);
  },
};
