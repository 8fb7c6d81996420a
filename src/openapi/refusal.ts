import type { ErrorObject } from 'ajv/dist/2020.js';

/** What a request is refused with; `message` names what is wrong and never repeats what came. */
export type Refusal = {
  readonly valid: false;
  readonly errcode: 'M_BAD_JSON' | 'M_INVALID_PARAM' | 'M_THREEPID_DENIED';
  readonly message: string;
};

/** How messages name what was validated, as in `the body` and `user ID`. */
export type Subject = { readonly whole: string; readonly identifier: string };

/**
 * Makes Ajv's errors an answer: `M_INVALID_PARAM` when everything has the right shape and only a `pattern` or
 * a `format` fails, else `M_BAD_JSON`. The message says all that is wrong under that code.
 */
export function refusal(errors: readonly ErrorObject[], subject: Subject): Refusal {
  const ofShape = errors.filter((error) => !isAboutMeaning(error));
  const told = ofShape.length > 0 ? ofShape : errors;
  return {
    valid: false,
    errcode: ofShape.length > 0 ? 'M_BAD_JSON' : 'M_INVALID_PARAM',
    message: [...new Set(told.map((error) => explain(error, subject)))].join('; '),
  };
}

function isAboutMeaning(error: ErrorObject): boolean {
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
