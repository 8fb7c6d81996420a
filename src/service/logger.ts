import type { Logger } from '../ports/logger.ts';

/** Does nothing. Known by name, so that no line is made that goes nowhere. */
export function nowhere(): void {}

/** A logger that never throws: no failure of it may keep a request from its answer. */
export function harmless(logger: Logger): Logger {
  const at = (level: keyof Logger): Logger[typeof level] => {
    if (logger[level] === nowhere) return nowhere;
    return (details, message) => {
      try {
        logger[level](details, message);
      } catch {
        // There is nowhere left to tell it.
      }
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Used where the host gives no logger: warnings and errors go to the console, the rest nowhere. */
export const defaultLogger: Logger = {
  debug: nowhere,
  info: nowhere,
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, details);
  },
  error(details, message) {
    console.error(`express-matrix-invite: ${message}`, details);
  },
};
