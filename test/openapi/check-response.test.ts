import { describe, expect, it } from 'vitest';
import { checkResponse } from '../../src/openapi/check-response.ts';
import { inviteDescription } from '../../src/openapi/index.ts';

const forbidden = { errcode: 'M_FORBIDDEN', error: 'no' };
const limited = { errcode: 'M_LIMIT_EXCEEDED', error: 'slower', retry_after_ms: 700 };
const unavailable = { errcode: 'M_UNKNOWN', error: 'later', retry_after_ms: 700 };

describe('a response that matches the description', () => {
  it.each([
    ['an invite', 200, {}, undefined],
    ['an error', 403, forbidden, undefined],
    ['an error with more fields', 403, { ...forbidden, 'org.example.why': [1] }, {}],
    ['soft logout', 401, { errcode: 'M_UNKNOWN_TOKEN', error: 'expired', soft_logout: true }, {}],
    ['a rate limit', 429, limited, { 'retry-after': '1' }],
    ['an outage with its header as a number', 503, unavailable, { 'Retry-After': 2 }],
    ['an outage whose headers are not checked', 503, unavailable, undefined],
    ['another method', 405, { errcode: 'M_UNRECOGNIZED', error: 'POST only' }, { allow: 'POST, OPTIONS' }],
  ])('is accepted: %s', (_, status, body, headers) => {
    expect(checkResponse(status, body, headers)).toEqual([]);
  });

  const { responses } = inviteDescription.paths['/rooms/{roomId}/invite'].post;
  const listed = Object.entries(responses).flatMap(([status, response]) =>
    (response['x-errcodes'] ?? []).map((errcode) => [Number(status), errcode] as const),
  );

  it.each(listed)('is accepted: %i %s', (status, errcode) => {
    expect(checkResponse(status, { errcode, error: 'text', retry_after_ms: 1 })).toEqual([]);
  });
});

describe('a response that does not match the description', () => {
  it.each([
    ['an unknown status', 418, forbidden, undefined, ['status 418 is not described']],
    ['a string', 200, 'ok', undefined, ['the body must be object']],
    ['an array', 200, [], undefined, ['the body must be object']],
    ['no body', 403, undefined, undefined, ['the body must be object']],
    ['no errcode', 403, { error: 'no' }, undefined, ["the body must have required property 'errcode'"]],
    [
      'no error message',
      403,
      { errcode: 'M_FORBIDDEN' },
      undefined,
      ["the body must have required property 'error'"],
    ],
    [
      'an error message that is not a string',
      403,
      { ...forbidden, error: 1 },
      undefined,
      ['the body/error must be string'],
    ],
    [
      'an errcode that is not a string',
      403,
      { ...forbidden, errcode: 1 },
      undefined,
      ['the body/errcode must be string'],
    ],
    [
      'an errcode in lower case',
      403,
      { ...forbidden, errcode: 'm_forbidden' },
      undefined,
      [
        'the body/errcode must match pattern "^[A-Z0-9_.]+$"',
        'errcode m_forbidden is not described for status 403',
      ],
    ],
    [
      'an errcode of another status',
      403,
      { errcode: 'M_BAD_JSON', error: 'no' },
      undefined,
      ['errcode M_BAD_JSON is not described for status 403'],
    ],
    [
      'soft_logout that is not a boolean',
      401,
      { errcode: 'M_UNKNOWN_TOKEN', error: 'expired', soft_logout: 'true' },
      undefined,
      ['the body/soft_logout must be boolean'],
    ],
    [
      'a fractional wait',
      429,
      { ...limited, retry_after_ms: 0.5 },
      undefined,
      ['the body/retry_after_ms must be integer', 'the body/retry_after_ms must be >= 1'],
    ],
    [
      'a rate limit without a wait in the body',
      429,
      { errcode: 'M_LIMIT_EXCEEDED', error: 'slower' },
      undefined,
      ["the body must have required property 'retry_after_ms'"],
    ],
    ['no Retry-After on 429', 429, limited, {}, ['header Retry-After is missing']],
    ['no Retry-After on 503', 503, unavailable, {}, ['header Retry-After is missing']],
    ['Retry-After 0', 503, unavailable, { 'retry-after': '0' }, ['header Retry-After must be >= 1']],
    [
      'a fractional Retry-After',
      503,
      unavailable,
      { 'retry-after': '0.7' },
      ['header Retry-After must be integer'],
    ],
    ['an empty Retry-After', 503, unavailable, { 'retry-after': '' }, ['header Retry-After must be integer']],
    [
      'several Retry-After headers',
      503,
      unavailable,
      { 'retry-after': ['1'] },
      ['header Retry-After must be integer'],
    ],
    ['no Allow', 405, { errcode: 'M_UNRECOGNIZED', error: 'no' }, {}, ['header Allow is missing']],
    [
      'problems in body, errcode and header',
      503,
      { errcode: 'M_FORBIDDEN' },
      {},
      [
        "the body must have required property 'error'",
        "the body must have required property 'retry_after_ms'",
        'errcode M_FORBIDDEN is not described for status 503',
        'header Retry-After is missing',
      ],
    ],
  ])('is reported: %s', (_, status, body, headers, problems) => {
    expect(checkResponse(status, body, headers)).toEqual(problems);
  });
});
