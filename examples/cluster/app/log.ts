import { type Logger, printable } from 'express-matrix-invite';

/** Logs one line per message to stderr, starting with the name of the process. In production, use pino. */
export function createLogger(name: string): Logger {
  const at =
    (level: string): Logger['warn'] =>
    (details, message) =>
      console.error(printable(`${name} ${level}: ${message}${rootCause(details)}`));
  return { debug() {}, info() {}, warn: at('warning'), error: at('error') };
}

function rootCause(details: object): string {
  let error: unknown = Reflect.get(details, 'err');
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return error instanceof Error ? ` (${error.message || error.name})` : '';
}
