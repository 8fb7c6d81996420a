import type { Logger } from '../ports/logger.ts';

/** Used where the host gives no logger: warnings and errors go to the console, the rest nowhere. */
export const defaultLogger: Logger = {
  debug() {},
  info() {},
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, details);
  },
  error(details, message) {
    console.error(`express-matrix-invite: ${message}`, details);
  },
};
