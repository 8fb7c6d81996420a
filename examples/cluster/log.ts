import type { Logger } from 'express-matrix-invite';

/** One line each on stderr, with the process that it comes from. A host would take pino. */
export function loggerOf(name: string): Logger {
  const at =
    (level: string): Logger['warn'] =>
    (details, message) =>
      console.error(`${name} ${level}: ${message}${reasonIn(details)}`);
  return { debug() {}, info() {}, warn: at('warning'), error: at('error') };
}

/** The failure that lies at the bottom. */
function reasonIn(details: object): string {
  let error: unknown = Reflect.get(details, 'err');
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return error instanceof Error ? ` (${error.message || error.name})` : '';
}
