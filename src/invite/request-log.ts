import type { MatrixError } from '../errors.ts';
import { redacted } from '../internal/redacted.ts';
import { noop } from '../internal/unawaited.ts';
import type { Logger } from '../ports/logger.ts';

type Level = keyof Logger;
const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

type Problem = { readonly level: Level; readonly details: object; readonly message: string };
const NO_PROBLEMS: readonly Problem[] = [];

/**
 * The log of one request. It collects problems, so that the request writes a single line when it ends. Work that
 * continues after the response writes separate lines.
 */
export class RequestLog implements Logger {
  readonly #logger: Logger;
  #problems: readonly Problem[] | undefined = NO_PROBLEMS;
  #secrets: readonly string[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Keeps these texts out of errors: that of a mail server quotes the address. */
  conceal(secrets: readonly string[]): void {
    this.#secrets = secrets;
  }

  debug(details: object, message: string): void {
    this.#add('debug', details, message);
  }

  info(details: object, message: string): void {
    this.#add('info', details, message);
  }

  warn(details: object, message: string): void {
    this.#add('warn', details, message);
  }

  error(details: object, message: string): void {
    this.#add('error', details, message);
  }

  /**
   * Writes the line, at the highest of its own level and those of the problems.
   *
   * @param what the name of the request in the message, such as `an invite`
   * @param details returns details to write before those of the problems; called only if a line is written
   * @param error the error of the response; undefined with a 200
   */
  end(what: string, details: () => object, error?: MatrixError): void {
    const problems = this.#problems ?? NO_PROBLEMS;
    this.#problems = undefined;
    let level = levelOf(error);
    for (const problem of problems) {
      if (LEVELS.indexOf(problem.level) > LEVELS.indexOf(level)) level = problem.level;
    }
    if (this.#logger[level] === noop) return;
    this.#write(
      level,
      {
        ...Object.assign({}, ...problems.map(({ details }) => details)),
        ...details(),
        status: error?.status ?? 200,
        ...(error === undefined ? {} : { errcode: error.errcode }),
        // The cause of a refusal may quote what the caller sent.
        ...(error !== undefined && error.status >= 500 ? { err: error.cause ?? error } : {}),
        ...(problems.length === 0 ? {} : { problems: problems.map(({ message }) => message) }),
      },
      `Responded ${error?.status ?? 200} to ${what}`,
    );
  }

  #add(level: Level, details: object, message: string): void {
    if (this.#problems === undefined) this.#write(level, details, message);
    else this.#problems = [...this.#problems, { level, details, message }];
  }

  #write(level: Level, details: object, message: string): void {
    const isSafe = this.#secrets.length === 0 || !('err' in details);
    this.#logger[level](
      isSafe ? details : { ...details, err: redacted(details.err, this.#secrets) },
      message,
    );
  }
}

/**
 * Invites and refusals are routine. `warn` is for problems that go away on their own, `error` for those that do not.
 */
function levelOf(error: MatrixError | undefined): Level {
  if (error === undefined || error.status < 500) return 'info';
  return error.status >= 502 && error.status <= 504 ? 'warn' : 'error';
}
