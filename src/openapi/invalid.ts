import type { ErrorObject } from 'ajv/dist/2020.js';

/** The error for an invalid value; `message` says what is wrong and never quotes the value. */
export type Invalid = {
  readonly valid: false;
  readonly errcode: 'M_BAD_JSON' | 'M_INVALID_PARAM' | 'M_THREEPID_DENIED';
  readonly message: string;
};

/** The name of the validated value in messages, as in `the body` and `user ID`. */
export type Subject = { readonly whole: string; readonly identifier: string };

/**
 * Turns Ajv's errors into one error: `M_INVALID_PARAM` if everything has the right type and only a `pattern` or a `format`
 * fails, otherwise `M_BAD_JSON`. The message lists all problems with that code.
 */
export function invalid(errors: readonly ErrorObject[], subject: Subject): Invalid {
  const ofType = errors.filter((error) => !isAboutFormat(error));
  const listed = ofType.length > 0 ? ofType : errors;
  return {
    valid: false,
    errcode: ofType.length > 0 ? 'M_BAD_JSON' : 'M_INVALID_PARAM',
    message: [...new Set(listed.map((error) => explain(error, subject)))].join('; '),
  };
}

function isAboutFormat(error: ErrorObject): boolean {
  return error.keyword === 'pattern' || error.keyword === 'format';
}

function explain(error: ErrorObject, { whole, identifier }: Subject): string {
  const field = error.instancePath === '' ? whole : error.instancePath.slice(1);
  switch (error.keyword) {
    case 'type':
      return `${field} must be a ${error.params.type === 'object' ? 'JSON object' : error.params.type}`;
    case 'required':
      return `${error.params.missingProperty} is required`;
    case 'x-well-formed':
      return `${field} must be well-formed Unicode`;
    default:
      return `${field} is not a Matrix ${identifier}`;
  }
}
