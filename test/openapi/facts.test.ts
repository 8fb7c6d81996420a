import { describe, expect, it } from 'vitest';
import type { Reference, Schema } from '../../src/openapi/document.ts';
import { inviteDescription } from '../../src/openapi/index.ts';
import { validateInviteBody, validateRoomId } from '../../src/openapi/validators.ts';
import facts from './inviting-facts.json' with { type: 'json' };
import { resolve } from './support.ts';

const { paths, servers, components } = inviteDescription;
const operation = paths['/rooms/{roomId}/invite'].post;

/** Returns all fields and the required fields of a schema, including those of its parts. */
function flatten(schema: Schema | Reference): { fields: Record<string, unknown>; required: string[] } {
  if ('$ref' in schema) return flatten(resolve(schema.$ref) as Schema);
  const parts = (schema.allOf ?? []).map(flatten);
  const own = Object.entries(schema.properties ?? {}).map(([name, { type }]) => [name, type]);
  return {
    fields: Object.assign({}, ...parts.map((part) => part.fields), Object.fromEntries(own)),
    required: [...new Set([...parts.flatMap((part) => part.required), ...(schema.required ?? [])])],
  };
}

describe("the description matches the specification's files", () => {
  it('in the path and the operation', () => {
    expect(servers.map(({ url }) => url)).toEqual([facts.basePath]);
    expect(Object.keys(paths)).toEqual([facts.path]);
    expect(operation).toMatchObject({ operationId: facts.operationId, tags: facts.tags });
  });

  it('in the authentication schemes, either of which is enough', () => {
    expect(operation.security).toEqual(facts.security.map((scheme) => ({ [scheme]: [] })));
    expect(components.securitySchemes).toMatchObject(facts.securitySchemes);
  });

  it('in the room ID', () => {
    expect(operation.parameters).toMatchObject(facts.parameters);
    expect(resolve(operation.parameters[0]?.schema.$ref ?? '')).toMatchObject(facts.roomId);
  });

  it('in the two forms of the body', () => {
    expect(operation.requestBody.required).toBe(facts.requestBody.required);
    expect(Object.keys(operation.requestBody.content)).toEqual([facts.requestBody.contentType]);
    const forms = resolve(operation.requestBody.content['application/json'].schema.$ref) as Schema;
    expect(forms.anyOf).toEqual(
      Object.keys(facts.requestBody.forms).map((name) => ({ $ref: `#/components/schemas/${name}` })),
    );
  });

  it.each(Object.entries(facts.requestBody.forms))('in the fields of %s', (name, form) => {
    const schema = components.schemas[name];
    expect(schema).toMatchObject(form);
    expect(Object.keys(schema?.properties ?? {})).toEqual(Object.keys(form.properties));
  });

  it.each(Object.entries(facts.responses))('in the response %s', (status, expected) => {
    const response = operation.responses[status];
    expect(response?.['x-errcodes'] ?? []).toEqual(expect.arrayContaining(expected.errcodes));
    const { fields, required } = flatten(response?.content['application/json'].schema ?? { $ref: '' });
    expect(fields).toEqual(expected.fields);
    expect(required).toEqual(expect.arrayContaining(expected.required));
  });
});

describe("the specification's examples", () => {
  it('are valid requests', () => {
    expect(validateRoomId(facts.examples.roomId)).toEqual({ valid: true, value: facts.examples.roomId });
    expect(validateInviteBody(facts.examples.inviteByUserId)).toEqual({
      valid: true,
      value: facts.examples.inviteByUserId,
    });
  });

  it('are recognized as third-party invites', () => {
    expect(validateInviteBody(facts.examples.inviteByThirdPartyId)).toMatchObject({
      errcode: 'M_THREEPID_DENIED',
    });
  });
});

describe("beyond the specification's files, the description", () => {
  it('requires an error message with each error', () => {
    expect(resolve('#/components/schemas/Error')).toMatchObject({ required: ['errcode', 'error'] });
  });

  it('describes soft logout', () => {
    const schema = operation.responses[401]?.content['application/json'].schema ?? { $ref: '' };
    expect(flatten(schema).fields).toEqual({ errcode: 'string', error: 'string', soft_logout: 'boolean' });
  });

  it('lists the error codes of every status', () => {
    const listed = Object.entries(operation.responses).map(([status, response]) => [
      Number(status),
      response['x-errcodes'],
    ]);
    expect(listed).toEqual([
      [200, undefined],
      [
        400,
        [
          'M_BAD_JSON',
          'M_NOT_JSON',
          'M_INVALID_PARAM',
          'M_UNSUPPORTED_ROOM_VERSION',
          'M_UNKNOWN_DEVICE',
          'M_THREEPID_IN_USE',
        ],
      ],
      [401, ['M_MISSING_TOKEN', 'M_UNKNOWN_TOKEN', 'M_USER_LOCKED']],
      [
        403,
        [
          'M_FORBIDDEN',
          'M_GUEST_ACCESS_FORBIDDEN',
          'M_USER_SUSPENDED',
          'M_INVITE_BLOCKED',
          'M_THREEPID_DENIED',
          'M_THREEPID_MEDIUM_NOT_SUPPORTED',
          'M_SERVER_NOT_TRUSTED',
          'M_UNAUTHORIZED',
          'M_TERMS_NOT_SIGNED',
        ],
      ],
      [405, ['M_UNRECOGNIZED']],
      [408, ['M_UNKNOWN']],
      [413, ['M_TOO_LARGE']],
      [415, ['M_NOT_JSON']],
      [429, ['M_LIMIT_EXCEEDED']],
      [500, ['M_UNKNOWN']],
      [502, ['M_UNKNOWN']],
      [503, ['M_UNKNOWN']],
      [504, ['M_UNKNOWN']],
    ]);
  });

  it('requires Retry-After if a later try may succeed, and Allow with a 405', () => {
    const required = Object.entries(operation.responses).flatMap(([status, { headers = {} }]) =>
      Object.entries(headers).map(([name, header]) => [Number(status), name, header.required]),
    );
    expect(required).toEqual([
      [405, 'Allow', true],
      [429, 'Retry-After', true],
      [503, 'Retry-After', true],
    ]);
  });
});
