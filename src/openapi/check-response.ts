import * as compiled from './compiled/responses.js';
import { inviteDescription } from './description.ts';
import type { ResponseDescription } from './document.ts';
import type { Validator } from './validation.ts';

const bodyValidators: Readonly<Record<string, Validator>> = {
  '#/components/schemas/Error': compiled.isError,
  '#/components/schemas/Invited': compiled.isInvited,
  '#/components/schemas/RateLimitError': compiled.isRateLimitError,
  '#/components/schemas/UnauthorizedError': compiled.isUnauthorizedError,
  '#/components/schemas/UnavailableError': compiled.isUnavailableError,
};

const headerValidators: Readonly<Record<string, Validator>> = {
  Allow: compiled.isAllowHeader,
  'Retry-After': compiled.isRetryAfterHeader,
};

const RESPONSES = inviteDescription.paths['/rooms/{roomId}/invite'].post.responses;

/**
 * Checks a response against the description. It is meant for tests: the errors of a host's policies or its store need not
 * match.
 *
 * @param status the HTTP status
 * @param body the parsed body
 * @param headers the headers, with names in any case; not checked if omitted
 * @returns the problems found; empty if there are none
 */
export function checkResponse(status: number, body: unknown, headers?: Record<string, unknown>): string[] {
  const response = Object.hasOwn(RESPONSES, status) ? RESPONSES[status] : undefined;
  if (response === undefined) return [`status ${status} is not described`];
  return [
    ...faults('the body', bodyValidators[response.content['application/json'].schema.$ref], body),
    ...errcodeFaults(status, response, body),
    ...(headers === undefined ? [] : headerFaults(response, headers)),
  ];
}

function errcodeFaults(status: number, response: ResponseDescription, body: unknown): string[] {
  const errcodes = response['x-errcodes'];
  if (errcodes === undefined || typeof body !== 'object' || body === null || !('errcode' in body)) return [];
  const { errcode } = body;
  if (typeof errcode !== 'string' || errcodes.includes(errcode)) return [];
  return [`errcode ${errcode} is not described for status ${status}`];
}

function headerFaults(response: ResponseDescription, headers: Record<string, unknown>): string[] {
  const values = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return Object.entries(response.headers ?? {}).flatMap(([name, { required, schema }]) => {
    const value = values.get(name.toLowerCase());
    if (value === undefined) return required ? [`header ${name} is missing`] : [];
    return faults(
      `header ${name}`,
      headerValidators[name],
      schema.type === 'integer' ? integerOf(value) : value,
    );
  });
}

/** Parses the digits of a header; anything else stays, for the schema to reject. */
function integerOf(value: unknown): unknown {
  return typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value;
}

function faults(subject: string, validate: Validator | undefined, value: unknown): string[] {
  if (validate === undefined) return [`${subject} has no validator`];
  if (validate(value)) return [];
  return (validate.errors ?? []).map((error) => `${subject}${error.instancePath} ${error.message}`);
}
